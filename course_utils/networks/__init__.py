"""Networks: loading them, and running any part of one."""
