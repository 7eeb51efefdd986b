from .display.plots import plot_feature_maps as plot_feature_maps
from .display.plots import plot_heatmap as plot_heatmap
from .display.plots import plot_kernels as plot_kernels
from .display.plots import plot_predictions as plot_predictions
from .display.tiles import overlay_heatmap as overlay_heatmap
from .explorers.class_explorer import ClassExplorer as ClassExplorer
from .explorers.faithfulness_explorer import FaithfulnessExplorer as FaithfulnessExplorer
from .explorers.layer_explorer import LayerExplorer as LayerExplorer
from .io.collections import caltech101_folder as caltech101_folder
from .io.collections import sample_crops as sample_crops
from .io.downloads import DownloadError as DownloadError
from .io.imagenet import class_index as class_index
from .io.imagenet import class_label as class_label
from .io.imagenet import search_classes as search_classes
from .io.images import load_image as load_image
from .io.images import sample_image_names as sample_image_names
from .methods.baselines import BASELINE_MAPS as BASELINE_MAPS
from .methods.class_activation import make_gradcam_heatmap as make_gradcam_heatmap
from .methods.faithfulness import FaithfulnessCurve as FaithfulnessCurve
from .methods.faithfulness import cover as cover
from .methods.faithfulness import deletion_curve as deletion_curve
from .methods.faithfulness import insertion_curve as insertion_curve
from .methods.feature_maps import get_feature_maps as get_feature_maps
from .methods.feature_visualization import visualize_channel as visualize_channel
from .methods.feature_visualization import visualize_class as visualize_class
from .methods.gradients import completeness_gap as completeness_gap
from .methods.gradients import compute_saliency_map as compute_saliency_map
from .methods.gradients import integrated_gradients as integrated_gradients
from .methods.gradients import smooth_grad as smooth_grad
from .methods.occlusion import occlusion_map as occlusion_map
from .methods.randomization import randomized_copies as randomized_copies
from .methods.scaling import resize_heatmap as resize_heatmap
from .methods.strongest import example_patches as example_patches
from .methods.strongest import strongest_examples as strongest_examples
from .methods.survey import load_survey as load_survey
from .methods.survey import run_survey as run_survey
from .methods.table import METHODS as METHODS
from .networks.classifier import ImageClassifier as ImageClassifier
from .networks.classifier import Prediction as Prediction
from .networks.registry import load_classifier as load_classifier
from .networks.registry import weights_path as weights_path

__version__: str

def check(task: str | None = None, function: object = None, seed: int | None = None) -> None: ...
