"""The list of all tasks; built by tools/build_exercises.py from exercises/*.py."""

INDEX: dict[str, tuple[str, str, str, int]] = {
    "4.1a": ("sheet_04_1", "grad_cam", "Grad-CAM from memory", 10),
    "4.1b": ("sheet_04_1", "hires_cam", "HiResCAM from Grad-CAM", 25),
    "4.1c": ("sheet_04_1", "center_of_heat", "Where is the heat?", 15),
}
