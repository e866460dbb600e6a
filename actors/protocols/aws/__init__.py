"""What AWS's APIs say, sans-IO."""
