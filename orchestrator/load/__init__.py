"""Load on a running world: what it is like (`shapes`), who makes it (`client`), whether to believe it (`validity`)."""
