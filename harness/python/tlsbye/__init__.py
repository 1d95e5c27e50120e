"""What really happens when a TLS connection is closed: the harness's results in Python.

    report = tlsbye.load("out/run.json")
    cell = report.cell("rfc8446/success-means-the-answer-came", stack="gnutls", role="client", tls="1.3")
    assert cell.verdict == "conforms", cell.story()

`run()` makes a run and loads it; the pytest plugin (`pytest --tlsbye`) is in `tlsbye.pytest_plugin`.
"""

from tlsbye.program import ProgramError, clauses, program, run
from tlsbye.report import Cell, Clause, Report, Stack, TraitAnswer, load

__all__ = ["Cell", "Clause", "ProgramError", "Report", "Stack", "TraitAnswer", "clauses", "load", "program", "run"]
