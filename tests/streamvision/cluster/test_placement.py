"""Streams go where they may run and where most room is, and move only where that helps."""

from streamvision.cluster.placement import Move, NodeLoad, StreamNeed, place, relief, why_nowhere

NORTH, SOUTH = NodeLoad("north", 4, labels={"site": "north"}), NodeLoad("south", 4, labels={"site": "south"})


def full(node: NodeLoad, share: float, *streams: str, unmeasured: int = 0) -> NodeLoad:
    return NodeLoad(node.id, node.cores, node.gpus, node.labels, share, streams, unmeasured)


def test_a_stream_goes_where_most_room_is() -> None:
    assert place(StreamNeed("x"), [full(NORTH, 0.5, "a", "b"), full(SOUTH, 0.4, "c", "d")]) == "south"
    assert place(StreamNeed("x"), [full(NORTH, 0.3, "a", "b"), full(SOUTH, 0.4, "c", "d")]) == "north"


def test_streams_that_begin_at_once_are_spread_though_nothing_is_measured_yet() -> None:
    nodes = {node.id: node for node in (NORTH, SOUTH, NodeLoad("west", 4))}
    for number in range(12):
        chosen = place(StreamNeed(f"cam-{number}"), nodes.values())
        assert chosen is not None
        node = nodes[chosen]
        nodes[chosen] = full(node, 0.0, *node.streams, f"cam-{number}", unmeasured=node.unmeasured + 1)
    assert {len(node.streams) for node in nodes.values()} == {4}


def test_a_larger_node_takes_more() -> None:
    small, large = full(NORTH, 0.5, "a"), NodeLoad("large", 16, share=0.5, streams=tuple("bcde"))
    assert place(StreamNeed("x"), [small, large]) == "large", "one more is an eighth of it at most"


def test_labels_and_graphics_cards_bind() -> None:
    assert place(StreamNeed("x", {"site": "south"}), [NORTH, full(SOUTH, 0.9, "a")]) == "south"
    assert place(StreamNeed("x", {"site": "east"}), [NORTH, SOUTH]) is None
    assert "label site=east" in why_nowhere(StreamNeed("x", {"site": "east"}), [NORTH, SOUTH])
    assert place(StreamNeed("x", gpu=True), [NORTH, NodeLoad("card", 2, gpus=1, share=0.9, streams=("a",))]) == "card"
    assert "graphics card" in why_nowhere(StreamNeed("x", gpu=True), [NORTH])
    assert place(StreamNeed("x", refused_by=frozenset({"north"})), [NORTH, full(SOUTH, 0.9, "a")]) == "south"
    assert "waits for a machine" in why_nowhere(StreamNeed("x"), [])


def test_a_node_that_comes_back_takes_streams_one_by_one_until_it_has_its_part() -> None:
    held = {"north": [f"cam-{n}" for n in range(6)], "south": [f"cam-{n}" for n in range(6, 12)], "west": []}
    moves = 0
    while True:
        nodes = [NodeLoad(name, 4, share=0.1 * len(streams), streams=tuple(streams)) for name, streams in held.items()]
        move = relief({name: StreamNeed(name) for streams in held.values() for name in streams}, nodes)
        if move is None:
            break
        next(streams for streams in held.values() if move.stream_id in streams).remove(move.stream_id)
        held[move.to_node].append(move.stream_id)
        moves += 1
        assert moves < 20, "streams go to and fro"
    assert sorted(len(streams) for streams in held.values()) == [4, 4, 4]
    assert moves == 4


def test_nothing_moves_where_that_would_not_help() -> None:
    nodes = [full(NORTH, 0.35, "a", "b", "c"), full(SOUTH, 0.25, "d", "e")]
    assert relief({name: StreamNeed(name) for name in "abcde"}, nodes) is None
    bound = {"a": StreamNeed("a", {"site": "north"})}
    assert relief(bound, [full(NORTH, 0.9, "a"), SOUTH]) is None
    assert relief({"a": StreamNeed("a")}, [full(NORTH, 0.9, "a", "b"), SOUTH]) == Move("a", "south")
