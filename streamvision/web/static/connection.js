// The page's connection for states and figures; pictures have one of their own. Chromium opens at most six connections to
// a host, so one for each camera would not do.

import { address } from "./server.js";
import { Repeated } from "./view/repeated.js";

export function events(onEvent, onChange) {
  return new Repeated(
    (signal, alive) =>
      new Promise((resolve) => {
        const source = new EventSource(address("api/events"));
        const end = () => {
          source.close();
          resolve();
        };
        signal.addEventListener("abort", end);
        source.onerror = end;
        for (const name of ["status", "state", "analytics"]) {
          source.addEventListener(name, (message) => {
            alive();
            onEvent(name, JSON.parse(message.data));
          });
        }
      }),
    onChange,
  );
}
