"""The numbers of the world, gathered from what its elements report."""
