"""The list of all tasks; built by tools/build_exercises.py from exercises/*.py."""

INDEX: dict[str, tuple[str, str, str, int]] = {
    "3a": ("sheet_03", "extractor", "The extractor for one layer", 5),
    "3b": ("sheet_03", "one_number", "One number by hand", 15),
    "3c": ("sheet_03", "max_pool", "Pooling by hand", 15),
    "4.1a": ("sheet_04_1", "grad_cam", "Grad-CAM from memory", 10),
    "4.1b": ("sheet_04_1", "hires_cam", "HiResCAM from Grad-CAM", 25),
    "4.1c": ("sheet_04_1", "center_of_heat", "Where is the heat?", 15),
    "4.2a": ("sheet_04_2", "saliency_map", "Saliency from memory", 10),
    "4.2b": ("sheet_04_2", "samples_needed", "SmoothGrad until two seeds agree", 15),
    "4.2c": ("sheet_04_2", "integrated_gradients", "Integrated Gradients from any baseline", 20),
    "6a": ("sheet_06", "logits_without", "Knock out a channel", 10),
    "6b": ("sheet_06", "channels_to_flip", "On how many channels does the answer rest?", 20),
    "6c": ("sheet_06", "climb", "Climb", 20),
}
