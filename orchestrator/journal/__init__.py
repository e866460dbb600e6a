"""What elements decided: where it is kept, how one journey is put together, and how it is told."""
