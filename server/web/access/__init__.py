"""Who may send a request to which listener: policy and middleware."""
