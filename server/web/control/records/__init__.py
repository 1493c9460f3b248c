"""What the list of requests tells: rows, sums, and contents that the user keeps."""
