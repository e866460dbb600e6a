"""What an app of your own may use inside its pod: see `journey.pod` and docs/own-app.md."""
