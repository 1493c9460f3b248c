"""The tunnel to the internet: opened by a provider, proven, watched, and closed."""
