"""What a service remembers: a database in its state folder, or a PostgreSQL server; it stands on the core alone."""
