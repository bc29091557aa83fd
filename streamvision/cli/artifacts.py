"""``streamvision artifacts``: signed models in a store, for devices that follow it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from streamvision.artifacts.cache import open_cache
from streamvision.artifacts.errors import ArtifactError
from streamvision.artifacts.manifest import Artifact, CardSummary, Manifest
from streamvision.artifacts.publishing import NewModel, files_of, present_manifest, push_models
from streamvision.artifacts.pulling import Source, pull_manifest, pull_model
from streamvision.artifacts.signing import PublicKeys, Signer, new_keys
from streamvision.artifacts.store import Store, open_store
from streamvision.artifacts.verifying import verify_channel
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.sections import together
from streamvision.core.config.fleet import FleetConfig, S3Config, check_store
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, DeviceError, MissingDependencyError
from streamvision.core.files import write_whole
from streamvision.core.logs import say
from streamvision.core.model_control import DEFAULT_MODEL
from streamvision.core.reading import UnreadableError, read_text
from streamvision.core.terminal import table

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
store_options = together(
    click.option(
        "--store", "address", required=True, metavar="STORE", help="A folder, http(s)://... or s3://BUCKET[/PREFIX]."
    ),
    click.option("--channel", default="stable", show_default=True, metavar="NAME", help="Which of its channels."),
    click.option("--endpoint", metavar="URL", help="Of a bucket: server that speaks S3; default: Amazon's."),
    click.option(
        "--region", metavar="NAME", help="Of a bucket: its region. Keys come from AWS_ACCESS_KEY_ID and so on."
    ),
)
public_key_option = click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="KEY",
    help="Whose signature is believed: the key, or its .pub file. May be given several times.",
)
_KEY_LIMIT_BYTES = 4096
_PASSWORD_CHARACTERS = 1024


@click.group()
def artifacts() -> None:
    """Publish signed models in a store, and pull them from there.

    A store is a folder, a web server or an S3 bucket. Devices follow one of its channels (`fleet:` in their
    configuration), check signature, digest and size of what is new, and let it take over while they run.

    \b
    Examples:
      streamvision artifacts keygen --output fleet.key
      streamvision artifacts push yolo.onnx --store s3://models --key fleet.key
      streamvision artifacts list --store s3://models --public-key fleet.key.pub
    """


@artifacts.command()
@click.option("--output", type=Path, required=True, metavar="FILE", help="Secret key; the public one is FILE.pub.")
@click.option("--no-password", is_flag=True, help="Write the secret key as it is, for machines that keep it well.")
def keygen(output: Path, no_password: bool) -> int:
    """Make a pair of keys: the secret one signs, devices are given the public one.

    The files are minisign's. The password is asked for on the terminal, or read as one line from standard input.
    """
    public_file = output.with_name(f"{output.name}.pub")
    if existing := [file for file in (output, public_file) if file.exists()]:
        raise ConfigError(f"{existing[0]} is there already, and a key is never written over; give another --output")
    secret, public = new_keys(None if no_password else _password("Password for the new key", confirm=True))
    write_whole(output, secret, mode=0o600)
    write_whole(public_file, public)
    click.echo(f"{output}: the secret key; keep it where models are published, and a copy where nobody reaches it.")
    click.echo(f"{public_file}: for devices, as fleet.public_key: {public.decode().splitlines()[1]}")
    return 0


@artifacts.command()
@click.argument("models", nargs=-1, metavar="[NAME=]MODEL...")
@store_options
@click.option("--key", type=Path, required=True, metavar="FILE", help="Secret key to sign with.")
@public_key_option
@click.option(
    "--beside", type=Path, multiple=True, metavar="FILE", help="Further file of the one MODEL; several times."
)
@click.option("--without", multiple=True, metavar="NAME", help="Take a model out of the channel; several times.")
@click.option("--from-channel", metavar="NAME", help="Publish what this channel of the store holds.")
@click.option("--number", type=click.IntRange(min=1), default=1, help="Least number of the manifest, for a new store.")
@click.option("--unchecked", is_flag=True, help="Publish models though they cannot be opened here.")
@json_option
def push(
    models: tuple[str, ...],
    address: str,
    channel: str,
    endpoint: str | None,
    region: str | None,
    key: Path,
    public_keys: tuple[str, ...],
    beside: tuple[Path, ...],
    without: tuple[str, ...],
    from_channel: str | None,
    number: int,
    unchecked: bool,
    as_json: bool,
) -> int:
    """Publish models in a channel, beside those that are there under other names.

    NAME is the name that devices have for the model: `default` for `model`, and is where none is given, others for
    those of `models`. What lies beside a model and belongs to it goes along. Channels are made as they are needed: try
    a model in one that few devices follow, then publish it from there: `--from-channel canary --channel stable`.
    """
    if not (models or without or from_channel):
        raise ConfigError("give a model to publish, --from-channel, or --without the name of one")
    if beside and len(models) != 1:
        raise ConfigError("--beside is for one model; give one MODEL")
    store = _store(address, endpoint, region, begin=True)
    named = dict(_named(one) for one in models)
    if len(named) < len(models):
        raise ConfigError("two models have one name; give each its own, as NAME=MODEL")
    new = {name: _new_model(path, beside, unchecked=unchecked) for name, path in named.items()}
    signer, trusted = Signer(key, lambda: _password(f"Password of {key}")), _keys(public_keys)
    manifest = push_models(
        store, channel, signer, new, without=without, from_channel=from_channel, trusted=trusted, at_least=number
    )
    _tell(as_json, manifest, store, f"{store.place}: channel {channel} has manifest {manifest.number}")
    return 0


@artifacts.command("list")
@store_options
@public_key_option
@json_option
def list_models(
    address: str, channel: str, endpoint: str | None, region: str | None, public_keys: tuple[str, ...], as_json: bool
) -> int:
    """List what a channel holds, as far as its signature is right."""
    store = _store(address, endpoint, region)
    manifest = present_manifest(store, channel, PublicKeys(_keys(public_keys, required=True)))
    if manifest is None:
        raise ArtifactError(f"{store.place} has no channel {channel}; begin it with streamvision artifacts push")
    _tell(as_json, manifest, store, f"{store.place}: channel {channel} has manifest {manifest.number}")
    return 0


@artifacts.command()
@store_options
@public_key_option
@json_option
def verify(
    address: str, channel: str, endpoint: str | None, region: str | None, public_keys: tuple[str, ...], as_json: bool
) -> int:
    """Read all that a channel holds, and check signature, digests and sizes as a device does."""
    store = _store(address, endpoint, region)
    manifest = verify_channel(store, channel, PublicKeys(_keys(public_keys, required=True)))
    _tell(
        as_json, manifest, store, f"{store.place}: manifest {manifest.number} of {channel} and all its files are right"
    )
    return 0


@artifacts.command()
@store_options
@public_key_option
@click.option("--folder", type=Path, required=True, metavar="DIR", help="Where models are kept, as fleet.folder.")
@click.option(
    "--max-gb",
    type=FiniteRange(0, 10_000, min_open=True),
    default=FleetConfig.model_fields["max_gb"].default,
    show_default=True,
    metavar="N",
    help="Most room that all models in the folder take.",
)
@click.option(
    "--remove-others", is_flag=True, help="Remove models that neither this manifest holds nor the one before it."
)
@json_option
def pull(
    address: str,
    channel: str,
    endpoint: str | None,
    region: str | None,
    public_keys: tuple[str, ...],
    folder: Path,
    max_gb: float,
    remove_others: bool,
    as_json: bool,
) -> int:
    """Fetch what a channel holds, once, check it, and say where it lies; what came before goes on.

    A folder that was pulled into can go to a device without a network: as its fleet.folder. Models that are there stay,
    since a device may run them, though the channel holds others.
    """
    source = Source(_store(address, endpoint, region), channel, PublicKeys(_keys(public_keys, required=True)))
    with open_cache(folder) as cache:
        accepted = pull_manifest(source, cache)
        before = cache.previous(channel, source.keys)
        last = frozenset() if before is None else frozenset(one.id for one in before.manifest.models.values())
        keep = last if remove_others else cache.ids()
        wanted = accepted.manifest.models
        cache.make_room(wanted.values(), keep=keep, max_bytes=int(max_gb * 1e9))
        paths = {name: pull_model(artifact, source, cache) for name, artifact in wanted.items()}
    if as_json:
        document = {"number": accepted.manifest.number, "models": {name: str(path) for name, path in paths.items()}}
        click.echo(json.dumps(document))
    else:
        click.echo("\n".join(table([(name, str(path)) for name, path in paths.items()])))
    return 0


def _store(address: str, endpoint: str | None, region: str | None, *, begin: bool = False) -> Store:
    try:
        check_store(address)
    except ValueError as error:
        raise ConfigError(f"--store {error}") from None
    return open_store(address, S3Config(endpoint=endpoint, region=region), begin=begin)


def _named(given: str) -> tuple[str, Path]:
    name, separator, path = given.partition("=")
    if not separator or Path(given).exists() or "/" in name:
        return DEFAULT_MODEL, Path(given)
    return name, Path(path)


def _new_model(path: Path, beside: Sequence[Path], *, unchecked: bool) -> NewModel:
    files = files_of(path, beside)
    return NewModel(files, None if unchecked else _card(files[0]))


def _card(path: Path) -> CardSummary | None:
    """Open a model and return what it is; ``None`` where that needs what is not on this machine."""
    from streamvision.inference.model import Model

    try:
        with Model.open(ModelConfig(path=path)) as model:
            card = model.card
    except (MissingDependencyError, DeviceError) as error:
        say(f"{path} is published without its card, since it cannot be opened here: {error}")
        return None
    size = {"width_px": card.input.width_px, "height_px": card.input.height_px}
    return CardSummary(task=card.task, classes=len(card.names), licence=card.licence, **size)


def _keys(given: Sequence[str], *, required: bool = False) -> list[str]:
    if required and not given:
        raise ConfigError("nobody's signature is believed yet; give --public-key, the key or its .pub file")
    found = []
    for one in given:
        try:
            found.append(read_text(Path(one), limit=_KEY_LIMIT_BYTES) if Path(one).is_file() else one)
        except UnreadableError as error:
            raise ConfigError(f"--public-key {one} {error}") from None
    return found


def _password(prompt: str, *, confirm: bool = False) -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.readline(_PASSWORD_CHARACTERS + 2).rstrip("\r\n")
        if not line:
            raise ConfigError("the key needs a password; give it as one line of standard input, or on a terminal")
        return line
    asked: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return asked


def _tell(as_json: bool, manifest: Manifest, store: Store, headline: str) -> None:
    if as_json:
        document = json.loads(manifest.to_json())
        for name, one in manifest.models.items():
            document["models"][name] |= {"id": one.id, "size_bytes": one.size_bytes}
        click.echo(json.dumps({"store": store.place, **document}))
        return
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest.created_unix_s))
    rows = [
        ("name", "file", "size", "what it is", "since"),
        *(_row(name, one) for name, one in manifest.models.items()),
    ]
    click.echo("\n".join([f"{headline}, made {made}", *(table(rows) if manifest.models else ["It holds no models."])]))


def _row(name: str, artifact: Artifact) -> tuple[str, str, str, str, str]:
    card = artifact.card
    what = "" if card is None else f"{card.task}, {card.classes} classes, {card.width_px}x{card.height_px}"
    size = f"{artifact.size_bytes / 1e6:.1f} MB"
    return name, artifact.files[0].name, size, what, f"manifest {artifact.number}"
