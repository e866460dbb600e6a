"""What launches, drives, watches and explains a world of actors."""
