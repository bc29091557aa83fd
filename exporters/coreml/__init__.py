"""Core ML: making ML Programs and the pipeline that Vision understands, and executing both on any machine."""
