"""SQLite files in the data folder, each written by a thread of its own."""
