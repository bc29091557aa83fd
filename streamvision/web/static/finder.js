// Finds cameras in the network by ONVIF, and asks one of them for its streams.

import { button, find, node } from "./dom.js";
import { ask } from "./server.js";

// `onFound({source, name})` is called with the stream that was chosen.
export function finder(onFound) {
  if (!find("finder")) return; // this installation has no ONVIF
  find("discover").addEventListener("click", () =>
    listing(find("discover"), find("found"), "No camera answered.", async () => {
      const { devices } = await ask("api/onvif/discover");
      return devices.map((camera) => ({
        words: [camera.name, camera.hardware, camera.address].filter(Boolean).join(" · "),
        choose: () => {
          find("onvif-address").value = camera.address;
          find("onvif-user").focus();
        },
      }));
    }),
  );
  find("profiles").addEventListener("click", () =>
    listing(find("profiles"), find("profile-list"), "It offers no stream.", async () => {
      const body = { address: find("onvif-address").value, user: find("onvif-user").value, password: find("onvif-password").value };
      const { profiles } = await ask("api/onvif/profiles", { method: "POST", body });
      return profiles.map((profile) => ({
        words: [profile.name, profile.width_px && `${profile.width_px} × ${profile.height_px}`, profile.fps && `${profile.fps} fps`].filter(Boolean).join(" · "),
        choose: () => onFound(profile),
      }));
    }),
  );
}

async function listing(asker, list, nothing, search) {
  asker.disabled = true;
  list.replaceChildren(node("li", { look: "hint", text: "Asking …" }));
  try {
    const found = await search();
    const lines = found.map(({ words, choose }) => node("li", { children: [button(words, choose)] }));
    list.replaceChildren(...(lines.length ? lines : [node("li", { look: "hint", text: nothing })]));
  } catch (error) {
    list.replaceChildren(node("li", { look: "wrong", text: error.message }));
  }
  asker.disabled = false;
}
