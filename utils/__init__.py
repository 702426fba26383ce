"""Helpers shared by every notebook: data, pictures, files. No framework is imported here."""
