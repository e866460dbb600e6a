"""Sans-IO protocol engines: told the time, handed their dice, and silent otherwise."""
