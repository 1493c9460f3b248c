"""Programs and services that give a port of this computer a public address."""
