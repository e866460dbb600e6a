"""The Kubernetes control plane's working parts: the API server's store and handlers, its clients, its controllers."""
