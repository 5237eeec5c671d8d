"""What the SQL of 0001_initial makes, as Django's migrations know it."""
