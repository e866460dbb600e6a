"""`python -m orchestrator.hosts FD`: the fork server (`forkserver.py`), its names laid together before it is loaded."""

from orchestrator.hosts.names import lay_names_together

if __name__ == "__main__":
    NAMES = lay_names_together()

    from orchestrator.hosts.forkserver import main

    main()
