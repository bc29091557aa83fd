"""The connection of a page, in a real Chromium: who is told of it, and when. The server's end is played by the test."""

from __future__ import annotations

import pytest

from support.module_page import ModulePage

pytestmark = pytest.mark.browser

PLAYED = """
const sockets = [];
globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  constructor() { sockets.push(this); }
  send() {}
  close() {}
};
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytesOf = (record) => new TextEncoder().encode(JSON.stringify(record) + "\\n");
const send = (record) => sockets.at(-1).onmessage({ data: bytesOf(record).buffer });
const heartbeat = { heartbeat: true, sent_at_s: 1, bytes: 0 };
"""


def test_a_connection_is_told_once_before_its_first_record_and_its_end_with_the_servers_reason(
    modules: ModulePage,
) -> None:
    events = modules.run(
        PLAYED + "const { LiveLink } = await load('view/link.js'); const events = [];"
        "const link = new LiveLink({ root: location.href, wanted: () => [{ id: 'a', width_px: 1, layer: 'auto' }],"
        "  onRecord: () => events.push('record'), onChange: ({ connected, why }) => events.push(why ?? connected) });"
        "link.watch(); await rest(20); send(heartbeat); send(heartbeat);"
        "sockets.at(-1).onclose({ reason: 'places are full' }); await rest(20); link.close(); return events;"
    )
    assert events == [True, "record", "record", "places are full"]


def test_who_joins_an_open_connection_is_told_that_it_is_open(modules: ModulePage) -> None:
    told = modules.run(
        PLAYED + "const { joinLink } = await load('view/shared-link.js'); const told = [];"
        "const viewer = (name) => ({ stream: name, width_px: 1, layer: 'auto', take() {}, failed() {}, told() {},"
        "  connected: (way) => told.push([name, way]) });"
        "joinLink(location.href, '', viewer('a')); await rest(50); send(heartbeat);"
        "joinLink(location.href, '', viewer('b')); await rest(50); return told;"
    )
    assert told == [["a", "websocket"], ["b", "websocket"]]
