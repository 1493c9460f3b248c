"""The latest requests of apps, and what was wrong with each: the dashboard tells by them that an app is connected."""
