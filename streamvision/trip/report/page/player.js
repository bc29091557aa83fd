// The annotated video of a drive, from a moment on.

const player = find("player");
const video = find("player-video");
const LEAD_S = 1;

function watch(index, seconds) {
  const drive = drives[index];
  find("player-title").textContent = `${driveName(drive)}, from ${said("second", drive.start + seconds)}`;
  find("player-words").textContent = "The same file plays in any player, with a chapter for each object.";
  video.src = videoAddress(drive, seconds);
  player.showModal();
  video.play().catch(() => {}); // the browser wants a press of the button first
}

const videoAddress = (drive, seconds) => `${drive.video}#t=${Math.max(seconds, 0).toFixed(1)}`;

// A link that plays here; opened in a tab of its own it plays there.
function watchLink(text, index, seconds) {
  const link = node("a", { look: "button", text, href: videoAddress(drives[index], seconds) });
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    watch(index, seconds);
  });
  return link;
}

video.addEventListener("error", () => {
  if (video.getAttribute("src")) find("player-words").textContent = "The video cannot be played: it is not beside this report, or this browser does not know its codec.";
});
player.addEventListener("close", () => {
  video.pause();
  video.removeAttribute("src");
  video.load();
});
find("player-close").addEventListener("click", () => player.close());
player.addEventListener("click", (event) => { if (event.target === player) player.close(); });
find("plot-watch").addEventListener("click", () => watch(chosen.drive, chosen.moment_s ?? 0));
