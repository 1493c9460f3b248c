"""The wire APIs that clients speak, a folder for each. Pure: no clock, no settings, no I/O."""
