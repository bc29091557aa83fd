// Tiles under the map, where their address was given.

const MOST_TILES = 240;
const DEEPEST_TILE = 19;
const tileImages = new Map();

function drawTiles(context, view) {
  if (!data.tiles) return;
  const zoom = Math.min(Math.max(Math.round(view.zoom), 0), DEEPEST_TILE);
  const count = 2 ** zoom;
  const size = view.worldPx / count;
  for (let row = Math.max(Math.floor(view.bounds.top * count), 0); row < Math.min(view.bounds.bottom * count, count); row += 1) {
    for (let column = Math.floor(view.bounds.left * count); column < view.bounds.right * count; column += 1) {
      const image = tileImage(zoom, ((column % count) + count) % count, row);
      if (image.complete && image.naturalWidth) context.drawImage(image, view.px(column / count), view.py(row / count), size + 0.5, size + 0.5);
    }
  }
}

function tileImage(zoom, column, row) {
  const address = data.tiles.replace("{z}", zoom).replace("{x}", column).replace("{y}", row);
  if (!tileImages.has(address)) {
    if (tileImages.size >= MOST_TILES) tileImages.delete(tileImages.keys().next().value);
    tileImages.set(address, node("img", { src: address, alt: "", onload: () => map.redraw() }));
  }
  return tileImages.get(address);
}

if (data.tiles) {
  find("tile-words").hidden = false;
  find("tile-words").textContent = `Tiles: ${new URL(data.tiles).host}`;
  find("map-source").textContent = "The map's tiles come from the network.";
}
