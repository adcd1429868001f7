"""What the user says: the schema, strict YAML, cities and sites."""
