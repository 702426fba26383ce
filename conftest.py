"""For every run of pytest: the notebooks' kernels show the same outputs in every shell."""

from tools.notebooks import forget_personal_settings

forget_personal_settings()
