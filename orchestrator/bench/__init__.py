"""The figures of speed that we owe, each beside its reference from the same run."""
