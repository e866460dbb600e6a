"""Where element processes run: a fork server on this machine."""
