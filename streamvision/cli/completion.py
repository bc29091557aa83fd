"""``streamvision completion``: what makes a shell complete commands, options, names and files."""

from __future__ import annotations

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)

VARIABLE = "_STREAMVISION_COMPLETE"
"""Set by the shell where it asks what could come next."""


class _FilesElse(ShellComplete):
    """Offers files where nothing else is known: sources, models and outputs are files."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        return found or ([] if incomplete.startswith("-") else [CompletionItem(incomplete, type="file")])


class _Bash(_FilesElse, BashComplete): ...


class _Zsh(_FilesElse, ZshComplete): ...


class _Fish(_FilesElse, FishComplete): ...


for shell in (_Bash, _Zsh, _Fish):
    add_completion_class(shell)


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options and names with the Tab key.

    \b
    Add this line to the file that your shell reads at its start:
      bash, in ~/.bashrc:                    eval "$(streamvision completion bash)"
      zsh, in ~/.zshrc (behind compinit):    eval "$(streamvision completion zsh)"
      fish, in ~/.config/fish/config.fish:   streamvision completion fish | source
    """
    from streamvision.cli.main import cli

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "streamvision", VARIABLE).source())
