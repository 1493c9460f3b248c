"""The wire APIs that clients speak, a folder for each. Pure: no clock, no I/O."""
