"""What `doctor`, the self-test and the diagnostics find out about this computer."""
