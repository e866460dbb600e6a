"""What the verbs in kubectl's words do with the running world's cluster. Light to import."""
