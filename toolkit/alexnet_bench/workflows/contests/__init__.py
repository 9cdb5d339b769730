"""`--backend all` and `--backend fastest`: everything that works here, in turns."""
