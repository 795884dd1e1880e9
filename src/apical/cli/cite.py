"""`apical cite`: BibTeX of everything that a run, or a model, uses."""

from pathlib import Path
from typing import Any

import click

from apical import __version__
from apical._base.checking import shown
from apical._base.whole_files import write_whole
from apical.cli.model_options import ModelCommand, experiment_of, experiment_options
from apical.errors import ParameterError
from apical.runs.citing import citations_of_model, citations_of_run
from apical.runs.experiment import prepare
from apical.scripts import models


class CiteCommand(ModelCommand):
    """A command that takes a run, or a model and its options."""

    def names_model(self, text: str) -> bool:
        """Say whether an argument names a model; a directory is a run, and nothing is imported."""
        path = Path(text)
        if "/" in text and path.suffix != ".py" and not path.exists():
            raise ParameterError(
                f"There is no run {shown(text)}; give a run directory, or the name of a model.",
                object="apical cite",
            )
        return not path.is_dir()


@click.command("cite", cls=CiteCommand, no_args_is_help=True)
@click.argument("what", metavar="RUN|MODEL")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option("--library", metavar="NAME", default="", help="Array library, for a MODEL.")
@experiment_options("hypothesis", "dataset", "data_dir", "device", "measure")
@click.pass_context
def cite_command(
    context: click.Context, what: str, out: Path | None, library: str, **given: Any
) -> None:
    """Print BibTeX of everything that a RUN, or a MODEL, uses.

    RUN is a run directory; its data suffice, and no script is imported. A MODEL is imported, as by
    'apical run', and takes its own options. Comments say what each entry is for: apical, the
    simulator, the data set, rules, wiring, neurons, optimisers, hypotheses and measures.

    \b
    Examples:
      apical cite runs/mnist --out mnist.bib
      apical cite rate_dfa --hypothesis dale --dataset digits
    """
    if Path(what).is_dir():
        _refuse_options(context)
        found = citations_of_run(Path(what))
    else:
        loaded: models.Model = context.meta["model"]
        prepared = prepare(experiment_of(loaded, given))
        found = citations_of_model(prepared, __version__, library)
    if out is None:
        click.echo(found.bibtex(), nl=False)
        return
    if out.exists():
        raise ParameterError(f"{out} is there already; give another --out.", object="apical cite")
    write_whole(out, found.bibtex().encode())
    click.echo(f"{len(found.entries) + 1} entries: {out}")


def _refuse_options(context: click.Context) -> None:
    """Raise if options of a model are given for a run, which states its own."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    for name, where in sources.items():
        if where is click.core.ParameterSource.COMMANDLINE and name not in ("what", "out"):
            raise click.UsageError(f"A run states its own settings; leave out {name!r}.")
