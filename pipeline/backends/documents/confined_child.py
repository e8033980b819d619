"""Start the parser's child process confined.

The libraries start threads when they are imported, and a thread that exists already would not be confined.
"""

import tempfile
from pathlib import Path

from pipeline.backends.documents.confinement import confine


def main() -> None:
    """Confine this process to its temporary folder, then serve requests."""
    # Also before the child asks for a signal at the end of its parent, which a change of privileges would reset.
    confine(Path(tempfile.gettempdir()))
    from pipeline.backends.documents import parser_child

    parser_child.main()


if __name__ == "__main__":
    main()
