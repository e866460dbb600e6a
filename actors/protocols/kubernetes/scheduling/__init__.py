"""Where a pod can run and where it runs best, sans-IO: the scheduler's filters and scores."""
