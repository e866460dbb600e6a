"""What the Kubernetes API is made of, without a server: resources, schemas, patches, defaults, validation, tables."""
