"""What a server has besides its pool: agents, the desktop, the journal, projects, sessions and the tunnel."""
