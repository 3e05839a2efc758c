"""Tests of wrong configurations: each is one message, found before any job, and no edit whatever is a traceback."""

import copy
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from configurations import BASE, GRIDS, OVERLAYS, ROOT, completed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.datasets import make_classification
from snakemake.utils import update_config

from medfusion.errors import UserError
from medfusion.figures.drawn import DRAWN
from medfusion.learning import classifiers
from medfusion.planning import config as configuration
from medfusion.planning import config_checks
from medfusion.planning.config_models.faults import faults
from medfusion.planning.config_values import unusable
from medfusion.planning.input_check_plan import InputCheckPlan
from medfusion.planning.job_settings import job_settings
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan
from medfusion.planning.representatives import Representatives

# Stages that data sets of one source alone have.
ONLY_OF = {"generate": "generated", "prepare_folder": "folder"}

# An overlay on config.yaml, and all that is said of it; the working folder holds an empty config.yaml and configs/.
FAULTS = {
    "a misspelt section": (
        "{evalution: {}}",  # codespell:ignore
        "top level: unknown key 'evalution'; did you mean 'evaluation'?",
    ),
    "a precision that is none": (
        "{compute: {precision: float16}}",
        "compute.precision: 'float16'; expected one of float32, bfloat16, auto; did you mean 'bfloat16'?",
    ),
    "no threads at all": (
        "{compute: {threads: 0}}",
        "compute.threads: 0; expected a whole number from 1 to 256",
    ),
    "true where a whole number is expected": (
        "{compute: {threads: true}}",
        "compute.threads: true; expected a whole number from 1 to 256",
    ),
    "a whole number with a point": (
        "{compute: {threads: 1.0}}",
        "compute.threads: 1.0; expected a whole number from 1 to 256",
    ),
    "a number in quotes": (
        "{compute: {threads: '4'}}",
        "compute.threads: '4'; expected a whole number from 1 to 256. In quotes it is text: write 4",
    ),
    "a section that is a number": (
        "{compute: 3}",
        "compute: 3; expected a section of keys and values",
    ),
    "an empty folder name": (
        "{results: ''}",
        "results: ''; expected a folder's path without spaces and without characters that mean something to a shell",
    ),
    "a folder name with braces": (
        "{results: 'a{b}'}",
        "results: 'a{b}'; expected a folder's path without spaces and without characters that mean "
        "something to a shell",
    ),
    "a folder name with a space": (
        "{data: my data}",
        "data: 'my data'; expected a folder's path without spaces and without characters that mean "
        "something to a shell",
    ),
    "results in a file": (
        "{results: config.yaml}",
        "results: 'config.yaml' cannot be a folder, because 'config.yaml' is a file; name another",
    ),
    "results below a file": (
        "{results: config.yaml/x}",
        "results: 'config.yaml/x' cannot be a folder, because 'config.yaml' is a file; name another",
    ),
    "results that hold the data": (
        "{results: .}",
        "results: '.' is or holds the working folder ({here}); name a folder of its own, such as results",
    ),
    "results that are the data": (
        "{results: data}",
        "results: 'data' holds the folder data ('data'); expected two folders",
    ),
    "results inside the data": (
        "{results: data/results}",
        "results: 'data/results' lies in the folder data ('data'); expected two folders",
    ),
    "results that hold the working folder": (
        "{results: ..}",
        "results: '..' is or holds the working folder ({here}); name a folder of its own, such as results",
    ),
    "results in a folder of git": (
        "{results: x/.Git/y}",
        "results: 'x/.Git/y' lies in .git, which is another program's; name a folder of its own, such as results",
    ),
    "results in Snakemake's folder": (
        "{results: .snakemake}",
        "results: '.snakemake' lies in .snakemake, which is another program's; name a folder of its own, such as "
        "results",
    ),
    "results among the programs": (
        "{results: workflow_scripts}",
        "results: 'workflow_scripts' lies in workflow_scripts, which is the project's own; name a folder of its own, "
        "such as results",
    ),
    "data among the rules": (
        "{data: ./rules/../rules/x}",
        "data: './rules/../rules/x' lies in rules, which is the project's own; name a folder of its own, such as data",
    ),
    "data in a file": (
        "{data: config.yaml}",
        "data: 'config.yaml' cannot be a folder, because 'config.yaml' is a file; name another",
    ),
    "an unprintable character": (
        '{results: "a\\0b"}',
        "results: 'a\\x00b' holds an unprintable character; expected one line of plain text",
    ),
    "a name of two lines": (
        '{report: {title: "a\\nb"}}',
        "report.title: 'a\\nb' holds an unprintable character; expected one line of plain text",
    ),
    "no data sets, by null": (
        "{datasets: ~}",
        "datasets: ~; expected a section of keys and values with at least 1 entry",
    ),
    "no data sets, all switched off": (
        "{datasets: {breast: ~, blood: ~}}",
        "datasets: {}; expected a section of keys and values with at least 1 entry",
    ),
    "a list of data sets": (
        "{datasets: [breast]}",
        "datasets: ['breast']; expected a section of keys and values with at least 1 entry",
    ),
    "a misspelt data set": (
        "{datasets: {brest: {source: generated}}}",
        "datasets.brest.flag: required with source 'generated': MedMNIST's name of the data set; did you mean "
        "'breast'?",
    ),
    "a misspelt model": (
        "{datasets: {breast: {models: {brest_cnn: {seeds: [1]}}}}}",
        "datasets.breast.models.brest_cnn: unknown model; to add it, set network; did you mean 'breast_cnn'?",
    ),
    "a data set without a flag": (
        "{datasets: {mine: {size: 64}}}",
        "datasets.mine.flag: required with source 'official': MedMNIST's name of the data set",
    ),
    "a task for a flag": (
        "{datasets: {breast: {task: multi-label}}}",
        "datasets.breast.task: breastmnist has a task of its own; leave task to files without a flag",
    ),
    "one class alone": (
        "{datasets: {mine: {source: file, path: config.yaml, label: Mine, label_names: [all]}}}",
        "datasets.mine.label_names: one name; expected at least two",
    ),
    "a positive label of several at once": (
        "{datasets: {breast: {flag: chestmnist, primary: ~, crossvalidation: ~}}}",
        "datasets.breast.positive: does not apply to multi-label data; set positive: ~",
    ),
    "primary comparisons of several labels at once": (
        "{datasets: {breast: {flag: chestmnist, positive: ~, crossvalidation: ~}}}",
        "datasets.breast.primary: does not apply to multi-label data; set primary: ~",
    ),
    "a primary comparison of an unknown system": (
        "{datasets: {breast: {primary: {compare: [[breast_cnn/cnn, breast_cnn/svm_lin]]}}}}",
        "datasets.breast.primary.compare: unknown system 'breast_cnn/svm_lin'; did you mean 'breast_cnn/svm_linear'?",
    ),
    "a primary comparison of a system with itself": (
        "{datasets: {breast: {primary: {compare: [[breast_cnn/cnn, breast_cnn/cnn]]}}}}",
        "datasets.breast.primary.compare: breast_cnn/cnn with itself; expected two systems",
    ),
    "a primary comparison by another measure": (
        "{datasets: {breast: {primary: {measure: f1}}}}",
        "datasets.breast.primary.measure: 'f1'; expected one of accuracy, auroc",
    ),
    "primary comparisons that are none": (
        "{datasets: {breast: {primary: {compare: []}}}}",
        "datasets.breast.primary.compare: []; expected a list with at least 1 entry",
    ),
    "folds of several labels at once": (
        "{datasets: {breast: {flag: chestmnist, primary: ~, positive: ~}}}",
        "datasets.breast.crossvalidation: multi-label data cannot be divided into such splits; set crossvalidation: ~",
    ),
    "defaults in disorder": (
        "{defaults: {by_images: [{up_to: ~, network: default, copies: 1}, {up_to: 9, network: default, copies: 1}]}}",
        "defaults.by_images: up_to is [None, 9]; expected numbers that grow, or ~ in the last line",
    ),
    "an unknown preset": (
        "{datasets: {breast: {augmentation: {preset: uprite}}}}",
        "datasets.breast.augmentation.preset: 'uprite'; expected one of free, upright, sided, ~; did you mean "
        "'upright'?",
    ),
    "a name with a space": (
        "{classifiers: {'my svm': {kind: svm, grid: {C: [1]}, calibration: sigmoid}}}",
        "classifiers: 'my svm' is not a valid name; expected letters, digits, _ and -, a letter first, at most 50",
    ),
    "a misspelt source": (
        "{datasets: {breast: {source: offical}}}",  # codespell:ignore
        "datasets.breast.source: 'offical'; expected one of official, surrogate, file, folder, generated; did you mean "
        "'official'?",
    ),
    "a misspelt flag": (
        "{datasets: {breast: {flag: brestmnist}}}",
        "datasets.breast.flag: 'brestmnist'; expected one of pathmnist, chestmnist, dermamnist, octmnist, "
        "pneumoniamnist, retinamnist, breastmnist, bloodmnist, tissuemnist, organamnist, organcmnist, organsmnist, ~; "
        "did you mean 'breastmnist'?",
    ),
    "an unknown flag": (
        "{datasets: {breast: {flag: cifar}}}",
        "datasets.breast.flag: 'cifar'; expected one of pathmnist, chestmnist, dermamnist, octmnist, pneumoniamnist, "
        "retinamnist, breastmnist, bloodmnist, tissuemnist, organamnist, organcmnist, organsmnist, ~",
    ),
    "a key that has another name now": (
        "{datasets: {breast: {twins: 0.9}}}",
        "datasets.breast: unknown key 'twins'; it is called 'near_duplicates' now",
    ),
    "an unknown size": (
        "{datasets: {breast: {size: 32}}}",
        "datasets.breast.size: 32; expected one of 28, 64, 128, 224",
    ),
    "a size with a point": (
        "{datasets: {breast: {size: 28.0}}}",
        "datasets.breast.size: 28.0; expected one of 28, 64, 128, 224",
    ),
    "a short sha256": (
        "{datasets: {breast: {sha256: abc}}}",
        "datasets.breast.sha256: 'abc'; expected 64 of the characters 0-9 and a-f, or ~",
    ),
    "a positive label that the data set lacks": (
        "{datasets: {breast: {positive: 2}}}",
        "datasets.breast.positive: 2 is no label of breastmnist; expected 0 to 1",
    ),
    "a negative label": (
        "{datasets: {breast: {positive: -1}}}",
        "datasets.breast.positive: -1; expected a whole number of at least 0, or ~",
    ),
    "one bin": (
        "{datasets: {breast: {ece_bins: 1}}}",
        "datasets.breast.ece_bins: 1; expected a whole number from 2 to 1000",
    ),
    "a threshold that is no number": (
        "{datasets: {breast: {near_duplicates: .nan}}}",
        "datasets.breast.near_duplicates: nan is no number to compute with; expected a finite one",
    ),
    "a rotation of more than half a turn": (
        "{datasets: {breast: {augmentation: {rotation: 200}}}}",
        "datasets.breast.augmentation.rotation: 200; expected a number from 0 to 180",
    ),
    "no copies": (
        "{datasets: {breast: {augmentation: {copies: 0}}}}",
        "datasets.breast.augmentation.copies: 0; expected a whole number from 1 to 1000",
    ),
    "an infinite scale": (
        "{datasets: {breast: {augmentation: {scale: -.inf}}}}",
        "datasets.breast.augmentation.scale: -inf is no number to compute with; expected a finite one",
    ),
    "an augmentation that changes nothing": (
        "{datasets: {blood: {augmentation: {flip: none, rotation: 0, scale: 0}}}}",
        "datasets.blood.augmentation: changes nothing; to train without it, set training.images: original",
    ),
    "duplicated seeds": (
        "{datasets: {breast: {models: {breast_cnn: {seeds: [1, 2, 1]}}}}}",
        "datasets.breast.models.breast_cnn.seeds: 1 is there twice; expected each value once",
    ),
    "no seeds": (
        "{datasets: {breast: {models: {breast_cnn: {seeds: []}}}}}",
        "datasets.breast.models.breast_cnn.seeds: []; expected a list with at least 1 entry",
    ),
    "true as a seed": (
        "{datasets: {breast: {models: {breast_cnn: {seeds: [true]}}}}}",
        "datasets.breast.models.breast_cnn.seeds.0: true; expected a whole number from 0 to 4294967295",
    ),
    "a negative seed": (
        "{datasets: {breast: {models: {breast_cnn: {seeds: [-1]}}}}}",
        "datasets.breast.models.breast_cnn.seeds.0: -1; expected a whole number from 0 to 4294967295",
    ),
    "a seed in quotes": (
        '{datasets: {breast: {models: {breast_cnn: {seeds: [1, "2"]}}}}}',
        "datasets.breast.models.breast_cnn.seeds.1: '2'; expected a whole number from 0 to 4294967295. In quotes "
        "it is text: write 2",
    ),
    "a seed that NumPy refuses": (
        "{datasets: {breast: {models: {breast_cnn: {seeds: [4294967296]}}}}}",
        "datasets.breast.models.breast_cnn.seeds.0: 4294967296; expected a whole number from 0 to 4294967295",
    ),
    "a seed that is no list": (
        "{datasets: {breast: {models: {breast_cnn: {seeds: 3}}}}}",
        "datasets.breast.models.breast_cnn.seeds: 3; expected a list with at least 1 entry",
    ),
    "a training subset in words": (
        "{datasets: {breast: {models: {breast_cnn: {train_images: some}}}}}",
        "datasets.breast.models.breast_cnn.train_images: 'some'; expected all or a whole number of at least 2",
    ),
    "a training subset that is too large": (
        "{datasets: {breast: {models: {breast_cnn: {train_images: 1000}}}}}",
        "datasets.breast.models.breast_cnn.train_images: 1000; expected at least 2, one image of each class, and "
        "at most 546, all its training images",
    ),
    "a training subset that is too small": (
        "{datasets: {blood: {models: {blood_cnn_10k: {train_images: 7}}}}}",
        "datasets.blood.models.blood_cnn_10k.train_images: 7; expected at least 8, one image of each class, and at "
        "most 11959, all its training images",
    ),
    "a misspelt network": (
        "{datasets: {breast: {models: {breast_cnn: {network: brest_cnn}}}}}",
        "datasets.breast.models.breast_cnn: unknown network 'brest_cnn'; did you mean 'breast_cnn'?",
    ),
    "an unknown classifier": (
        "{datasets: {blood: {models: {compact_resnet: {classifiers: [svm, svm_rbf, linear_probe, random_forest, "
        "boosting]}}}}}",
        "datasets.blood.models.compact_resnet: unknown classifier 'boosting'; known: linear_probe, svm, svm_linear, "
        "svm_rbf, linear_probe_c001, random_forest, decision_tree",
    ),
    "an unknown fusion": (
        "{datasets: {breast: {models: {breast_cnn: {fusions: [cnn_svm_chose]}}}}}",
        "datasets.breast.models.breast_cnn: unknown fusion 'cnn_svm_chose'; did you mean 'cnn_svm_chosen'?",
    ),
    "no models": (
        "{datasets: {breast: {models: {breast_cnn: ~, breast_resnet: ~, breast_resnet_deep: ~, "
        "breast_resnet_distinct: ~}, crossvalidation: ~}}}",
        "datasets.breast.models: {}; expected a section of keys and values with at least 1 entry",
    ),
    "a model named after a folder": (
        "{datasets: {breast: {models: {baselines: {network: breast_cnn, seeds: [1]}}}}}",
        "datasets.breast.models.baselines: the name is taken by a folder of the data set; choose another",
    ),
    "a data set named after a target": (
        "{datasets: {breast: ~, report: {flag: breastmnist, size: 28, source: official, ece_bins: 8, "
        "augmentation: {copies: 1, seed: 0, flip: both, rotation: 0, scale: 0, contrast: 0}, models: {m: {network: "
        "breast_cnn, seeds: [1]}}}}}",
        "datasets.report: the name is taken by a target or a folder of the workflow; choose another",
    ),
    "an export of an unknown system": (
        "{datasets: {breast: {export: ensembles/ensemble_smv}}}",
        "datasets.breast.export: unknown system 'ensembles/ensemble_smv'; did you mean 'ensembles/ensemble_svm'?",
    ),
    "ablations as they once were": (
        "{datasets: {breast: {models: {breast_cnn: {ablations: {without: [flip]}}}}}}",
        "datasets.breast.models.breast_cnn: unknown key 'ablations'; an ablation is a model of its own now, with "
        "`base` and `changes`: see configs/ablations.yaml",
    ),
    "a misspelt base": (
        "{datasets: {breast: {models: {other: {base: breast_cn, changes: {training: {epochs: 3}}}}}}}",
        "datasets.breast.models.other.base: 'breast_cn' is unknown; did you mean 'breast_cnn'?",
    ),
    "a base that is derived itself": (
        "{datasets: {breast: {models: {a: {base: breast_cnn, changes: {training: {epochs: 3}}}, "
        "b: {base: a, changes: {training: {epochs: 4}}}}}}}",
        "datasets.breast.models.b.base: 'a' is a derived model itself; name one without base",
    ),
    "changes of nothing": (
        "{datasets: {breast: {models: {breast_cnn: {changes: {training: {epochs: 3}}}}}}}",
        "datasets.breast.models.breast_cnn.changes: needs the key base, the model that it changes; set base, or leave "
        "changes out",
    ),
    "a misspelt change": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, changes: {trained: {epochs: 3}}}}}}}",
        "datasets.breast.models.other.changes: unknown key 'trained'; did you mean 'training'?",
    ),
    "a change to a value that none may have": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, changes: {training: {epochs: 0}}}}}}}",
        "datasets.breast.models.other.changes.training.epochs: 0; expected a whole number from 1 to 100000",
    ),
    "an option that the network of the base does not have": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, changes: {options: {blocks: 2}}}}}}}",
        "datasets.breast.models.other.changes.options: breast_cnn has no option 'blocks'; known: dropout, l2, "
        "batch_norm, batch_norm_momentum",
    ),
    "a layer that the network of the base does not have": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, changes: {features: {layers: [dens]}}}}}}}",
        "datasets.breast.models.other.changes.features.layers: breast_cnn has no layer 'dens'; known: "
        "features, rescaling, conv2d, max_pooling2d, conv2d_1, max_pooling2d_1, flatten",
    ),
    "a change that is none": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, changes: {options: {dropout: 0}}}}}}}",
        "datasets.breast.models.other.changes: leaves everything as in breast_cnn; change at least one setting",
    ),
    "no change at all": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, label: other}}}}}",
        "datasets.breast.models.other.changes: leaves everything as in breast_cnn; change at least one setting",
    ),
    "another augmentation of a network that sees none": (
        "{datasets: {breast: {models: {other: {base: breast_resnet, changes: {augmentation: {flip: none}}}}}}}",
        "datasets.breast.models.other.changes.augmentation: its network learns from images: original; leave "
        "augmentation out",
    ),
    "an augmentation of which nothing is left": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, changes: {augmentation: {flip: none, rotation: 0, "
        "scale: 0, contrast: 0}}}}}}}",
        "datasets.breast.models.other.changes.augmentation: switches it off entirely; set training: {images: original} "
        "instead",
    ),
    "a seed that the base has not": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, seeds: [1, 7], changes: {training: {epochs: 3}}}}}}}",
        "datasets.breast.models.other.seeds: breast_cnn has no seed 7 to compare with; expected some of 1, 2, 3, 4, 5",
    ),
    "a fault of the base that derived models share": (
        "{networks: {breast_cnn: {features: {layers: [dens]}}}, datasets: {breast: {models: {other: {base: breast_cnn, "
        "changes: {training: {epochs: 3}}}}}}}",
        "networks.breast_cnn.features.layers: breast_cnn has no layer 'dens'; known: features, rescaling, conv2d, "
        "max_pooling2d, conv2d_1, max_pooling2d_1, flatten",
    ),
    "an application that there is not": (
        "{networks: {vgg: {architecture: keras_application, options: {application: VGG19, input_size: 32}}}, datasets: "
        "{breast: {models: {a: {network: vgg}, b: {base: a, changes: {options: {application: VGG17}}}}}}}",
        "datasets.breast.models.b.changes.options.application: unknown 'VGG17'; did you mean 'VGG19'?",
    ),
    "nothing that could be compared": (
        "{datasets: {breast: {models: {other: {base: breast_cnn, classifiers: [svm_rbf], fusions: [], changes: "
        "{features: {layers: [flatten]}}}}}}}",
        "datasets.breast.models.other: has no classifier in common with breast_cnn, so that nothing can be compared; "
        "name one",
    ),
    "two derived models of the same name": (
        "{datasets: {breast: {models: {a: {base: breast_cnn, label: L, changes: {training: {epochs: 20}}}, b: {base: "
        "breast_cnn, label: L, changes: {training: {epochs: 21}}}}}}}",
        "datasets.breast.models.b.label: 'L' is that of datasets.breast.models.a too; choose another",
    ),
    "other splits of a derived model": (
        "{datasets: {breast: {crossvalidation: {models: [breast_cnn, other], compare: []}, models: {other: {base: "
        "breast_cnn, changes: {training: {epochs: 20}}}}}}}",
        "datasets.breast.crossvalidation.models: 'other' is a derived model, which has no other splits; known: "
        "breast_cnn, breast_resnet, breast_resnet_distinct, breast_resnet_deep",
    ),
    "a derived model as a candidate": (
        "{datasets: {breast: {export: other/cnn, models: {other: {base: breast_cnn, changes: {training: {epochs: "
        "3}}}}}}}",
        "datasets.breast.export: 'other/cnn' is of a derived model, which takes no part in choices; name another",
    ),
    "a model named like the folder of ablations": (
        "{datasets: {breast: {models: {ablations: {network: breast_cnn, seeds: [1]}}}}}",
        "datasets.breast.models.ablations: the name is taken by a folder of the data set; choose another",
    ),
    "an ensemble of an unknown system": (
        "{datasets: {breast: {ensembles: {ensemble_svm: [breast_cnn/svm_liner]}}}}",
        "datasets.breast.ensembles.ensemble_svm: unknown system 'breast_cnn/svm_liner'; did you mean "
        "'breast_cnn/svm_linear'?",
    ),
    "an unknown network in the training-size study": (
        "{datasets: {blood: {learning_curve: {network: size_studdy}}}}",
        "datasets.blood.learning_curve.network: unknown 'size_studdy'; did you mean 'size_study'?",
    ),
    "a training size that is too small": (
        "{datasets: {blood: {learning_curve: {sizes: [5, all]}}}}",
        "datasets.blood.learning_curve.sizes: 5; expected at least 8, one image of each class, and at most 11959, "
        "all its training images",
    ),
    "a training size that is too large": (
        "{datasets: {blood: {learning_curve: {sizes: [20000]}}}}",
        "datasets.blood.learning_curve.sizes: 20000; expected at least 8, one image of each class, and at most "
        "11959, all its training images",
    ),
    "a path that another source ignores": (
        "{datasets: {breast: {path: x.npz}}}",
        "datasets.breast: source 'file' or 'folder' and path go together; set both or neither",
    ),
    "a source that needs a path": (
        "{datasets: {breast: {source: file, label: x}}}",
        "datasets.breast: source 'file' or 'folder' and path go together; set both or neither",
    ),
    "a file that is not there": (
        "{datasets: {breast: {source: file, path: nothere.npz, label: x}}}",
        "datasets.breast.path: there is no file 'nothere.npz'; relative paths start at {here}",
    ),
    "a file that is a folder": (
        "{datasets: {breast: {source: file, path: configs, label: x}}}",
        "datasets.breast.path: 'configs' is not a file; expected a .npz file in MedMNIST format",
    ),
    "a file below a file": (
        "{datasets: {breast: {source: file, path: config.yaml/x.npz, label: x}}}",
        "datasets.breast.path: there is no file 'config.yaml/x.npz'; relative paths start at {here}",
    ),
    "a file without a label": (
        "{datasets: {breast: {source: file, path: config.yaml}}}",
        "datasets.breast.label: required with source 'file': the name that tables and pages print",
    ),
    "a surrogate without a label": (
        "{datasets: {breast: {source: surrogate}}}",
        "datasets.breast.label: required with source 'surrogate': the name that tables and pages print",
    ),
    "a label of spaces": (
        "{datasets: {breast: {label: ' '}}}",
        "datasets.breast.label: ' '; expected text of 1 to 200 characters, or ~",
    ),
    "a word that YAML reads as true": (
        "{datasets: {breast: {label_names: [yes, other]}}}",
        "datasets.breast.label_names.0: true; expected text of 1 to 200 characters (YAML reads yes, on and true as "
        "true); put a text in quotes",
    ),
    "two words that YAML reads as false": (
        "{datasets: {breast: {augmentation: {flip: no}}}}",
        "datasets.breast.augmentation.flip: false; expected one of none, horizontal, vertical, both (YAML reads no, "
        "off and false as false)",
    ),
    "a name that YAML reads as nothing": (
        "{datasets: {breast: {label_names: [benign, null]}}}",
        "datasets.breast.label_names.1: ~; expected text of 1 to 200 characters (YAML reads null, ~ and an empty place "
        "as nothing); put a text in quotes",
    ),
    "a number as a label": (
        "{datasets: {breast: {label: 2024}}}",
        "datasets.breast.label: 2024; expected text of 1 to 200 characters, or ~; put a text in quotes",
    ),
    "a size in quotes": (
        "{datasets: {breast: {size: '64'}}}",
        "datasets.breast.size: '64'; expected one of 28, 64, 128, 224. In quotes it is text: write 64",
    ),
    "a grid's number that YAML reads as text": (
        "{classifiers: {svm_rbf: {grid: {gamma: [1e-3]}}}}",
        "classifiers.svm_rbf.grid.gamma.0: '1e-3'; expected one of scale, auto or a number from 0 to 1000. YAML takes "
        "1e-3 for text, for want of a point or a sign: write 1.0e-03",
    ),
    "all or a number in quotes": (
        "{datasets: {breast: {models: {breast_cnn: {train_images: '300'}}}}}",
        "datasets.breast.models.breast_cnn.train_images: '300'; expected all or a whole number of at least 2. In "
        "quotes it is text: write 300",
    ),
    "shares for two splits": (
        "{datasets: {breast: {split: {shares: [0.8, 0.2]}}}}",
        "datasets.breast.split.shares: [0.8, 0.2]; expected a list with 3 entries",
    ),
    "the same in the defaults": (
        "{defaults: {dataset: {split: {shares: [0.8, 0.2]}}}}",
        "defaults.dataset.split.shares: [0.8, 0.2]; expected a list with 3 entries",
    ),
    "a misspelt key of a split": (
        "{datasets: {breast: {split: {share: [0.7, 0.1, 0.2]}}}}",
        "datasets.breast.split: unknown key 'share'; did you mean 'shares'?",
    ),
    "a split's seed that is no number": (
        "{datasets: {breast: {split: {seed: x}}}}",
        "datasets.breast.split.seed: 'x'; expected a whole number from 0 to 4294967295",
    ),
    "a split that is a list": (
        "{datasets: {breast: {split: [0.7, 0.1, 0.2]}}}",
        "datasets.breast.split: [0.7, 0.1, 0.2]; expected a section of keys and values, or ~",
    ),
    "a line that turns": (
        '{datasets: {breast: {label: "a\\u202eb"}}}',
        "datasets.breast.label: 'a\\u202eb' holds an unprintable character; expected one line of plain text",
    ),
    "a data set called none": (
        "{datasets: {none: {flag: breastmnist}}}",
        "datasets.none: the name is taken by a target or a folder of the workflow; choose another",
    ),
    "a data set that a disk takes for a rule's folder": (
        "{datasets: {Settings: {flag: breastmnist}}}",
        "datasets.Settings: the name is taken by a target or a folder of the workflow; choose another",
    ),
    "data sets that differ in capitals": (
        "{datasets: {Blood: {flag: bloodmnist}}}",
        "datasets.Blood: differs from 'blood' only in case; choose another name",
    ),
    "a fusion called all": (
        "{fusions: {all: {weights: {cnn: 0.5, svm: 0.5}}}}",
        "fusions.all: the names all and none are reserved; choose another",
    ),
    "a date as a label": (
        "{datasets: {breast: {label: 2024-01-01}}}",
        "datasets.breast.label: 2024-01-01; expected text of 1 to 200 characters, or ~; put a text in quotes",
    ),
    "a split of a file": (
        "{datasets: {breast: {split: {seed: 1}}}}",
        "datasets.breast.split: for source 'folder' alone; set split: ~",
    ),
    "counts of images that are not generated": (
        "{datasets: {breast: {generated: {seed: 1, train: 9, val: 9, test: 9}}}}",
        "datasets.breast: source 'generated' and the key generated (seed and counts) go together; set both or neither",
    ),
    "fewer generated images than classes": (
        "{datasets: {blood: {source: generated, generated: {seed: 1, train: 20000, val: 7, test: 9}}}}",
        "datasets.blood.generated.val: 7; expected at least 8, one image of each class",
    ),
    "no networks": (
        "{networks: ~}",
        "networks: ~; expected a section of keys and values",
    ),
    "a misspelt entry": (
        "{networks: {blod_cnn: {training: {epochs: 3}}}}",
        "networks.blod_cnn: lacks architecture; did you mean 'blood_cnn'?",
    ),
    "an unknown architecture": (
        "{networks: {blood_cnn: {architecture: blod_cnn}}}",
        "networks.blood_cnn.architecture: unknown 'blod_cnn'; did you mean 'blood_cnn'?",
    ),
    "an option of another architecture": (
        "{networks: {blood_cnn: {options: {blocks: 2}}}}",
        "networks.blood_cnn.options: blood_cnn has no option 'blocks'; known: dropout, dense_dropout, l2, "
        "batch_norm, batch_norm_momentum",
    ),
    "everything dropped": (
        "{networks: {blood_cnn: {options: {dropout: 1}}}}",
        "networks.blood_cnn.options.dropout: 1; expected a number of at least 0 and below 1",
    ),
    "a network too deep for its images": (
        "{networks: {compact_resnet: {options: {widths: [8, 16, 32, 64, 128, 256, 512]}}}}",
        "networks.compact_resnet.options.widths: grow 6 times, and each time halve the image; expected at most 5 "
        "times for the 28 pixels of datasets.blood",
    ),
    "a network without widths": (
        "{networks: {compact_resnet: {options: {widths: []}}}}",
        "networks.compact_resnet.options.widths: []; expected a list with at least 1 entry",
    ),
    "a misspelt training setting": (
        "{networks: {blood_cnn: {training: {epoch: 2}}}}",
        "networks.blood_cnn.training: unknown key 'epoch'; did you mean 'epochs'?",
    ),
    "a number that YAML reads as text": (
        "{networks: {blood_cnn: {training: {learning_rate: 1e-3}}}}",
        "networks.blood_cnn.training.learning_rate: '1e-3'; expected a number above 0 and at most 1. YAML takes "
        "1e-3 for text, for want of a point or a sign: write 1.0e-03",
    ),
    "a learning rate that is no number": (
        "{networks: {blood_cnn: {training: {learning_rate: .nan}}}}",
        "networks.blood_cnn.training.learning_rate: nan is no number to compute with; expected a finite one",
    ),
    "an infinite learning rate": (
        "{networks: {blood_cnn: {training: {learning_rate: .inf}}}}",
        "networks.blood_cnn.training.learning_rate: inf is no number to compute with; expected a finite one",
    ),
    "an empty batch": (
        "{networks: {blood_cnn: {training: {batch_size: 0}}}}",
        "networks.blood_cnn.training.batch_size: 0; expected a whole number from 1 to 1000000",
    ),
    "no epochs": (
        "{networks: {blood_cnn: {training: {epochs: 0}}}}",
        "networks.blood_cnn.training.epochs: 0; expected a whole number from 1 to 100000",
    ),
    "epochs without end": (
        "{networks: {blood_cnn: {training: {epochs: 10000000000000}}}}",
        "networks.blood_cnn.training.epochs: 10000000000000 is too large; expected at most 1e+12",
    ),
    "early stopping without its key": (
        "{networks: {blood_cnn: {training: {early_stopping: 5}}}}",
        "networks.blood_cnn.training.early_stopping: 5; expected a section of keys and values, or ~",
    ),
    "an unknown symmetry": (
        "{networks: {blood_cnn: {training: {symmetries: [flip]}}}}",
        "networks.blood_cnn.training.symmetries.0: 'flip'; expected one of horizontal_flip, vertical_flip, transpose",
    ),
    "a shift out of the image": (
        "{networks: {blood_cnn: {training: {shift: 28}}}}",
        "networks.blood_cnn.training.shift: 28; expected less than the 28 pixels of datasets.blood",
    ),
    "corrupted training images and no others": (
        "{defaults: {training: {corruptions: 1}}}",
        "defaults.training.corruptions: 1; expected a number of at least 0 and below 1",
    ),
    "corruptions of training images by name": (
        "{networks: {blood_cnn: {training: {corruptions: [noise]}}}}",
        "networks.blood_cnn.training.corruptions: ['noise']; expected a number of at least 0 and below 1",
    ),
    "a rate lowered on a plateau and scheduled": (
        "{networks: {blood_cnn: {training: {schedule: one_cycle}}}}",
        "networks.blood_cnn.training: reduce_lr has no place in a one_cycle schedule; set reduce_lr: ~ or "
        "schedule: constant",
    ),
    "as many original epochs as epochs": (
        "{networks: {compact_resnet: {training: {epochs: 3}}}}",
        "networks.compact_resnet.training.original_epochs: 3; expected less than the 3 epochs, or none is left for "
        "augmented images; to train on original images only, set images: original, affine: ~ and corruptions: 0",
    ),
    "too few images to fit": (
        "{classifiers: {svm: {fit_images: 7}}}",
        "classifiers.svm.fit_images: 7; expected at least 8, one image of each class of datasets.blood",
    ),
    "too few images to study": (
        "{studies: {fit_images: 7}}",
        "studies.fit_images: 7; expected at least 8, one image of each class of datasets.blood",
    ),
    "too few images for the nearest": (
        "{evaluation: {nearest_images: 5}}",
        "evaluation.nearest_images: 5; expected at least 8, one image of each class of datasets.blood",
    ),
    "a layer that does not exist": (
        "{networks: {blood_cnn: {features: {layers: [featurs]}}}}",  # codespell:ignore
        "networks.blood_cnn.features.layers: blood_cnn has no layer 'featurs'; did you mean 'features'?",
    ),
    "a layer that another architecture has": (
        "{networks: {resnet28: {features: {layers: [dense]}}}}",
        "networks.resnet28.features.layers: resnet28 has no layer 'dense'; known: features, rescaling, conv2d, re_lu",
    ),
    "defaults switched off": (
        "{defaults: {training: ~}}",
        "defaults.training: ~; expected a section of keys and values",
    ),
    "an unknown kind of classifier": (
        "{classifiers: {svm: {kind: svn}}}",
        "classifiers.svm.kind: 'svn'; expected one of svm, logistic_regression, random_forest, decision_tree; "
        "did you mean 'svm'?",
    ),
    "a grid without settings": (
        "{classifiers: {new: {kind: svm, grid: {}}}}",
        "classifiers.new.grid: {}; expected a section of keys and values with at least 1 entry",
    ),
    "a setting without values": (
        "{classifiers: {svm: {grid: {C: []}}}}",
        "classifiers.svm.grid.C: []; expected a list with at least 1 entry",
    ),
    "a setting that is no list": (
        "{classifiers: {svm: {grid: {C: 1}}}}",
        "classifiers.svm.grid.C: 1; expected a list with at least 1 entry",
    ),
    "an unknown grid setting": (
        "{classifiers: {svm: {grid: {c: [1]}}}}",
        "classifiers.svm.grid: unknown key 'c'; known: C, class_weight, kernel, gamma, relative_gamma, degree, "
        "coef0, tol, shrinking",
    ),
    "a C that scikit-learn refuses": (
        "{classifiers: {svm: {grid: {C: [1, 0]}}}}",
        "classifiers.svm.grid.C.1: 0; expected a number from 1e-06 to 1000000",
    ),
    "a misspelt kernel": (
        "{classifiers: {svm: {grid: {kernel: [rfb]}}}}",
        "classifiers.svm.grid.kernel.0: 'rfb'; expected one of linear, rbf, poly, sigmoid; did you mean 'rbf'?",
    ),
    "a negative gamma": (
        "{classifiers: {svm_rbf: {grid: {gamma: [scale, -1]}}}}",
        "classifiers.svm_rbf.grid.gamma.1: -1; expected one of scale, auto or a number from 0 to 1000",
    ),
    "a gamma that is a section": (
        "{classifiers: {svm_rbf: {grid: {gamma: [{}]}}}}",
        "classifiers.svm_rbf.grid.gamma.0: {}; expected one of scale, auto or a number from 0 to 1000",
    ),
    "an infinite C": (
        "{classifiers: {svm: {grid: {C: [.inf]}}}}",
        "classifiers.svm.grid.C.0: inf is no number to compute with; expected a finite one",
    ),
    "a forest without trees": (
        "{classifiers: {random_forest: {grid: {n_estimators: [0]}}}}",
        "classifiers.random_forest.grid.n_estimators.0: 0; expected a whole number from 1 to 10000",
    ),
    "a number of trees with a point": (
        "{classifiers: {random_forest: {grid: {n_estimators: [100.0]}}}}",
        "classifiers.random_forest.grid.n_estimators.0: 100.0; expected a whole number from 1 to 10000",
    ),
    "a value of an older scikit-learn": (
        "{classifiers: {random_forest: {grid: {max_features: [auto]}}}}",
        "classifiers.random_forest.grid.max_features.0: 'auto'; expected one of sqrt, log2, ~ or a number above 0 "
        "and at most 1",
    ),
    "splits of one image": (
        "{classifiers: {decision_tree: {grid: {min_samples_split: [1]}}}}",
        "classifiers.decision_tree.grid.min_samples_split.0: 1; expected a whole number of at least 2",
    ),
    "a depth that Python calls None": (
        "{classifiers: {decision_tree: {grid: {max_depth: [None]}}}}",
        "classifiers.decision_tree.grid.max_depth.0: 'None'; expected a whole number of at least 1, or ~",
    ),
    "too many cells": (
        "{classifiers: {random_forest: {grid: {n_estimators: [1, 2, 3, 4, 5, 6, 7, 8, 9], max_depth: [1, 2, 3, 4, "
        "5, 6, 7, 8, 9], min_samples_split: [2, 3, 4, 5, 6, 7, 8, 9], min_samples_leaf: [1, 2, 3, 4, 5, 6, 7, 8, "
        "9], max_features: [sqrt, log2]}}}}",
        "classifiers.random_forest.grid: 11664 combinations are too many to try; expected at most 10000",
    ),
    "an svm without calibration": (
        "{classifiers: {svm: {calibration: none}}}",
        "classifiers.svm.calibration: an svm has scores, not probabilities; expected temperature or sigmoid",
    ),
    "fewer images to search than classes": (
        "{classifiers: {svm: {search_images: 7}}}",
        "classifiers.svm.search_images: 7; expected at least 8, one image of each class of datasets.blood",
    ),
    "more folds than images of a class": (
        "{classifiers: {decision_tree: {selection: folds, folds: 300}}}",
        "classifiers.decision_tree.folds: 300; expected at most 273, fewer if classes are uneven, because each "
        "fold needs an image of each of the 2 classes of datasets.breast, which gives 546 images",
    ),
    "more folds than images of a class of a model's subset": (
        "{classifiers: {decision_tree: {selection: folds, folds: 20}}, datasets: {blood: {models: {compact_resnet: "
        "{train_images: 100}}}}}",
        "classifiers.decision_tree.folds: 20; expected at most 12, fewer if classes are uneven, because each fold "
        "needs an image of each of the 8 classes of datasets.blood, of which models.compact_resnet.train_images takes "
        "100",
    ),
    "one fold": (
        "{defaults: {classifier: {folds: 1}}}",
        "defaults.classifier.folds: 1; expected a whole number of at least 2",
    ),
    "a classifier called cnn": (
        "{classifiers: {cnn: {kind: svm, grid: {C: [1]}, calibration: sigmoid}}}",
        "classifiers.cnn: the name stands for the network itself; choose another",
    ),
    "a name that is a number": (
        "{classifiers: {1: {kind: svm, grid: {C: [1]}, calibration: sigmoid}}}",
        "classifiers: the name 1 is not text; put it in quotes",
    ),
    "a name that YAML reads as false": (
        "{classifiers: {no: {kind: svm, grid: {C: [1]}, calibration: sigmoid}}}",
        "classifiers: the name false is not text (YAML reads no, off and false as false); put it in quotes",
    ),
    "weights that do not sum to 1": (
        "{fusions: {cnn_30_svm_70: {weights: {cnn: 0.4}}}}",
        "fusions.cnn_30_svm_70.weights: sum to 1.1; expected 1",
    ),
    "a negative weight": (
        "{fusions: {cnn_30_svm_70: {weights: {cnn: -0.3}}}}",
        "fusions.cnn_30_svm_70.weights.cnn: -0.3; expected a number from 0 to 1",
    ),
    "weights both fixed and chosen": (
        "{fusions: {cnn_30_svm_70: {choose: [cnn, svm]}}}",
        "fusions.cnn_30_svm_70: expected either weights (fixed) or choose (members whose weights validation chooses)",
    ),
    "neither fixed nor chosen weights": (
        "{fusions: {new: {}}}",
        "fusions.new: expected either weights (fixed) or choose (members whose weights validation chooses)",
    ),
    "a step that does not divide 1": (
        "{fusions: {cnn_svm_chosen: {step: 0.3}}}",
        "fusions.cnn_svm_chosen.step: 0.3 does not divide 1; expected 0.05, 0.1, 0.25 or the like",
    ),
    "a step of almost nothing": (
        "{fusions: {cnn_svm_chosen: {step: 1.0e-310}}}",
        "fusions.cnn_svm_chosen.step: 1e-310; expected a number from 0.001 to 0.5",
    ),
    "too many weights": (
        "{fusions: {cnn_svm_forest_chosen: {step: 0.001}}}",
        "fusions.cnn_svm_forest_chosen: too many weights to try; take a larger step or fewer members",
    ),
    "a fusion of one": (
        "{fusions: {cnn_svm_chosen: {choose: [cnn]}}}",
        "fusions.cnn_svm_chosen.choose: ['cnn']; expected a list with at least 2 entries",
    ),
    "a fusion of an unknown member": (
        "{fusions: {cnn_svm_chosen: {choose: [cnn, swm]}}, datasets: {blood: ~}}",
        "datasets.breast.models.breast_cnn: fusion 'cnn_svm_chosen' has the member 'swm', which is not among this "
        "model's systems: cnn, svm_linear, svm, random_forest, decision_tree",
    ),
    "a fusion of a classifier that the model lacks": (
        "{fusions: {cnn_50_svm_50: {weights: {svm_rbf: 0.2, svm: 0.3}}}}",
        "datasets.blood.models.blood_cnn_10k: fusion 'cnn_50_svm_50' has the member 'svm', which is not among this "
        "model's systems: cnn, svm_rbf",
    ),
    "a fusion named like a classifier": (
        "{fusions: {svm: {choose: [cnn, svm_rbf]}}}",
        "fusions.svm: a classifier has this name too; choose different names",
    ),
    "an unknown criterion": (
        "{criterion: auc}",
        "criterion: 'auc'; expected one of log_loss, auroc, accuracy; it is called 'auroc' now",
    ),
    "two widths of a kernel": (
        "{classifiers: {svm: {grid: {gamma: [1]}}}}",
        "classifiers.svm.grid: gamma and relative_gamma both give the kernel's width; expected one of them",
    ),
    "full confidence": (
        "{evaluation: {confidence: 1}}",
        "evaluation.confidence: 1; expected a number above 0.5 and below 1",
    ),
    "replicates in words": (
        "{evaluation: {replicates: many}}",
        "evaluation.replicates: 'many'; expected a whole number from 100 to 1000000",
    ),
    "sets that always hold the true class": (
        "{reliability: {conformal_coverage: 1}}",
        "reliability.conformal_coverage: 1; expected a number of at least 0.5 and below 1, or ~",
    ),
    "a coverage in per cent": (
        "{reliability: {conformal_coverage: 90}}",
        "reliability.conformal_coverage: 90; expected a number of at least 0.5 and below 1, or ~",
    ),
    "a threshold that finds all": (
        "{reliability: {sensitivity: 1}}",
        "reliability.sensitivity: 1; expected a number of at least 0.5 and below 1, or ~",
    ),
    "a severity that there is not": (
        "{corruptions: {severities: [1, 6]}}",
        "corruptions.severities.1: 6; expected a whole number from 1 to 5",
    ),
    "an input check of everything": (
        "{input_check: {flagged: 0.9}}",
        "input_check.flagged: 0.9; expected a number from 0.001 to 0.5",
    ),
    "few corrupted images": (
        "{corruptions: {test_images: 3}}",
        "corruptions.test_images: 3; expected a whole number of at least 20, or ~",
    ),
    "all images referred": (
        "{reliability: {abstention_rate: 1}}",
        "reliability.abstention_rate: 1; expected a number of at least 0 and below 1",
    ),
    "a misspelt coverage": (
        "{reliability: {coverage: 0.9}}",
        "reliability: unknown key 'coverage'; did you mean 'conformal_coverage'?",
    ),
    "a model named after the folder of reliability": (
        "{datasets: {breast: {models: {reliability: {network: breast_cnn, seeds: [1]}}}}}",
        "datasets.breast.models.reliability: the name is taken by a folder of the data set; choose another",
    ),
    "a list among models of which one is switched off": (
        "{datasets: {breast: {models: {breast_resnet: ~}, crossvalidation: {models: [breast_resnet, [x]]}}}}",
        "datasets.breast.crossvalidation.models.0: ['x']; expected text",
    ),
    "an option that no architecture has": (
        "{networks: {blood_cnn: {options: {drop: 0.1}}}}",
        "networks.blood_cnn.options: blood_cnn has no option 'drop'; did you mean 'dropout'?",
    ),
    "averages over folds that divide the test split": (
        "{datasets: {breast: {crossvalidation: {pool: [train, val, test], ensembles: true}}}}",
        "datasets.breast.crossvalidation.ensembles: pool divides the test split, on which they are tested; set pool: "
        "[train, val]",
    ),
    "a pool of other splits": (
        "{datasets: {breast: {crossvalidation: {pool: [train, 1]}}}}",
        "datasets.breast.crossvalidation.pool: ['train', 1]; expected one of ['train', 'val'], "
        "['train', 'val', 'test']",
    ),
    "a misspelt style": (
        "{report: {style: whitgrid}}",
        "report.style: 'whitgrid'; expected one of whitegrid, darkgrid, white, dark, ticks; did you mean 'whitegrid'?",
    ),
    "a published figure in per cent": (
        "{datasets: {breast: {published: [{name: x, accuracy: 85.3, source: y}]}}}",
        "datasets.breast.published.0.accuracy: 85.3; expected a number from 0 to 1, or ~",
    ),
    "a published figure of a system by its old name": (
        "{datasets: {breast: {published: [{system: votes/ensemble_cnn, name: x, accuracy: 0.8, source: y}]}}}",
        "datasets.breast.published: unknown system 'votes/ensemble_cnn'; it is called 'ensembles/ensemble_cnn' now",
    ),
    "an export of a system by its old name": (
        "{datasets: {breast: {export: votes/vote_resnet}}}",
        "datasets.breast.export: unknown system 'votes/vote_resnet'; 'votes' is called 'ensembles' now",
    ),
    "weights of classes where an image has several": (
        "{datasets: {chest: {flag: chestmnist, models: {m: {network: compact_resnet}}}}, "
        "networks: {compact_resnet: {training: {class_weight: balanced}}}}",
        "networks.compact_resnet.training.class_weight: needs one class per image, and datasets.chest is multi-label; "
        "set class_weight: ~",
    ),
    "a published figure of an unknown system": (
        "{datasets: {breast: {published: [{system: breast_cnn/svm_liner, name: x, accuracy: 0.8, source: y}]}}}",
        "datasets.breast.published: unknown system 'breast_cnn/svm_liner'; did you mean 'breast_cnn/svm_linear'?",
    ),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with an empty file config.yaml and an empty folder configs."""
    (tmp_path / "config.yaml").touch()
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_message_that_names_key_value_and_way_out(fault, here):
    overlay, message = FAULTS[fault]
    with pytest.raises(UserError) as caught:
        completed(overlay)
    assert str(caught.value) == f"config:\n  {message.replace('{here}', str(here))}"


def test_all_faults_are_named_at_once():
    with pytest.raises(UserError) as caught:
        completed("{compute: {threads: 0}, evaluation: {confidence: 2}, reports: {}}")
    assert len(str(caught.value).splitlines()) == 4


def test_a_missing_key_is_named():
    with pytest.raises(UserError, match="compute: lacks threads"):
        completed(change=lambda config: config["compute"].clear())


def test_several_missing_keys_are_named_once():
    with pytest.raises(UserError) as caught:
        completed(change=lambda config: config["evaluation"].clear())
    assert str(caught.value) == "config:\n  evaluation: lacks replicates, confidence, seed, prevalences, nearest_images"


# What no message may look like: words of the schema that were left out, or a value of Python.
HOLES = re.compile(
    r"expected( |,|;|$)\\s*(or|,|;|\\.|$)|  |, or ,|\\bNone\\b|\\bTrue\\b|\\bFalse\\b|anyOf|\\$ref|OrderedDict"
)
ODD = [None, True, -7, 0.37, 1e11, "", "x", "~", [], [[]], [None, "x", 3], {}, {"x": 1}, {"seed": {}}, 2.5]


def test_whatever_stands_in_a_place_is_refused_in_whole_words():
    messages = set()
    for depth in range(1, 8):
        for value in ODD:
            config = copy.deepcopy(BASE)
            for *parents, last in [place for place in places(BASE) if len(place) == depth]:
                holder = config
                for part in parents:
                    holder = holder[part]
                holder[last] = value
            messages.update(faults(config))
    assert len(messages) > 500
    assert [message for message in messages if HOLES.search(message)] == []


def test_a_path_below_the_home_is_found(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    (here / "x.npz").touch()
    result = completed("{datasets: {own: {source: file, label: Own, path: ~/x.npz}}}")
    assert result["datasets"]["own"]["path"] == str(here / "x.npz")


@pytest.mark.parametrize("folder", [ROOT, ROOT / "docs/x", ROOT.parent, Path.home(), Path("/")], ids=str)
def test_results_where_the_project_or_the_user_keeps_other_things_are_refused(folder, here):
    with pytest.raises(UserError, match=r"results: '.*' (is or holds|lies in) .*; name a folder of its own"):
        completed(f"{{results: {folder}}}")


def test_results_behind_a_link_are_where_it_leads(here):
    (here / "link").symlink_to(ROOT / "rules")
    with pytest.raises(UserError, match="results: 'link' lies in rules, which is the project's own"):
        completed("{results: link}")


def test_a_section_that_holds_itself_is_one_message():
    def change(config):
        config["datasets"]["breast"] = config["datasets"]

    with pytest.raises(UserError, match="more than 20 sections inside each other"):
        completed(change=change)


def test_a_number_too_long_to_write_is_one_message():
    with pytest.raises(UserError, match="training.epochs: a number of more than 60 digits is too large"):
        completed(change=lambda config: config["networks"]["blood_cnn"]["training"].update(epochs=10**5000))


def test_a_configuration_that_is_no_mapping_is_one_message():
    with pytest.raises(UserError, match=r"top level: \[\]; expected a section of keys and values"):
        configuration.complete([])


def test_a_file_of_ones_own_under_any_name_is_accepted(here):
    (here / "eigene Dateien ü").mkdir()
    (here / "eigene Dateien ü" / "bilder [1] 'ß'.npz").touch()
    path = yaml.safe_dump("eigene Dateien ü/bilder [1] 'ß'.npz")
    result = completed(f"datasets:\n  breast:\n    source: file\n    label: Own\n    path: {path}")
    assert result["datasets"]["breast"]["path"] == "eigene Dateien ü/bilder [1] 'ß'.npz"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_one_message(here):
    (here / "x.npz").touch(mode=0)
    with pytest.raises(UserError, match="'x.npz' cannot be read"):
        completed("{datasets: {breast: {source: file, label: Own, path: x.npz}}}")


@pytest.mark.parametrize(
    ("shape", "message"),
    [((20, 3, 64, 64), r"channels first; expected \(n, side, side\)"), ((20, 1, 28, 28), "numpy.moveaxis")],
)
def test_images_with_their_channels_first_are_one_message(here, shape, message):
    np.savez("x.npz", **{f"{split}_images": np.zeros(shape, np.uint8) for split in ("train", "val", "test")})
    with pytest.raises(UserError, match=message):
        completed("{datasets: {own: {source: file, label: Own, path: x.npz}}}")


def test_what_an_own_file_cannot_give_is_known_beforehand(here):
    np.savez("x.npz", **{f"{split}_images": np.zeros((40, 28, 28), np.uint8) for split in ("train", "val", "test")})
    own = "source: file, label: Own, path: x.npz"
    with pytest.raises(UserError, match=r"own.models.default.train_images: 5000; expected .* at most 40"):
        completed(f"{{datasets: {{own: {{{own}, models: {{default: {{train_images: 5000}}}}}}}}}}")
    names = [f"class {i}" for i in range(257)]
    with pytest.raises(UserError, match=r"own.label_names: 257 names; expected at most 256"):
        completed(f"{{datasets: {{own: {{{own}, label_names: {names}}}}}}}")
    with pytest.raises(UserError, match=r"own.label_names: 257 names; expected at most 62"):
        completed(f"{{datasets: {{own: {{{own}, task: multi-label, label_names: {names}}}}}}}")


@pytest.mark.parametrize("name", ["sp {x}.npz", "{1}.npz"])
def test_a_path_that_snakemake_would_fill_in_is_one_message(here, name):
    (here / name).touch()
    with pytest.raises(UserError, match="has braces"):
        completed(f"{{datasets: {{own: {{source: file, label: Own, path: '{name}'}}}}}}")


def test_folders_are_called_as_rules_and_commands_call_them():
    config = completed("{results: ./out//mine/, data: ../data/.}")
    assert (config["results"], config["data"]) == ("out/mine", "../data")


def test_a_plane_of_fewer_images_than_classes_is_one_message():
    with pytest.raises(UserError, match="studies.plane_images: 10; expected at least 11, one image of each class"):
        completed("{studies: {plane_images: 10}, datasets: {organ: {flag: organamnist}}}")


def test_an_overlay_can_take_generated_images_back():
    demo = yaml.safe_load((ROOT / "configs/demo.yaml").read_text(encoding="utf-8"))
    demo["datasets"]["breast"] |= {"source": "official", "generated": None}
    assert completed(yaml.safe_dump(demo))["datasets"]["breast"]["source"] == "official"


@pytest.mark.parametrize("name", ["export_package_mine", "downloads", "crossvalidation", "resplits"])
def test_a_data_set_called_like_a_rule_or_a_folder_is_refused(name):
    with pytest.raises(UserError, match=f"datasets.{name}: the name is taken by a target or a folder of the workflow"):
        completed(f"{{datasets: {{{name}: {{flag: breastmnist}}}}}}")


def test_names_of_rules_are_taken():
    text = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    named = re.findall(r"^(?:rule (\w+):|use rule \w+ as (\w+) with:)", text, re.M)
    names = {name for pair in named for name in pair if name} | {f"draw_{kind}" for kind in DRAWN}
    assert len(names) > 30 and names <= config_checks.RESERVED_DATASETS


# -- grids ------------------------------------------------------------------------------------------------------------

SMALL = make_classification(40, 5, n_informative=3, n_classes=2, random_state=0)
# Values at and around the limits of GRIDS, and of every other kind.
CANDIDATES = [
    *(
        None,
        True,
        False,
        "",
        "scale",
        "auto",
        "sqrt",
        "log2",
        "balanced",
        "balanced_subsample",
        "linear",
        "precomputed",
    ),
    *(
        "rbf",
        "poly",
        "sigmoid",
        "gini",
        "entropy",
        "log_loss",
        "best",
        [],
        {},
        [1],
        {"0": 1},
        {0: 1},
        math.nan,
        math.inf,
    ),
    *(-math.inf, -1, -0.5, 0, 0.0, 1e-300, 1e-6, 0.5, 1, 1.0, 1.5, 2, 3, 7, 10, 10.0, 11, 100, 1000, -1000, 1e6, 1e300),
]


@pytest.mark.parametrize(("kind", "parameter"), [(kind, name) for kind in GRIDS for name in GRIDS[kind].model_fields])
@pytest.mark.filterwarnings("ignore")
def test_what_a_grid_may_hold_can_be_fitted(kind, parameter):
    accepted = []
    for value in CANDIDATES:
        if any(unusable([value])):
            continue
        try:
            GRIDS[kind].model_validate({parameter: [value]})
        except ValidationError:
            continue
        accepted.append(value)
        base = {"n_estimators": 2} if kind == "random_forest" else {"kernel": "poly"} if kind == "svm" else {}
        model = classifiers.estimator(kind, {**base, parameter: value}, seed=0, width=3)
        if kind == "svm":
            model.set_params(pairwisesvc__max_iter=100)  # whether the value is taken, not whether the fit is good
        assert np.isfinite(model.fit(*SMALL).predict(SMALL[0])).all()
    assert accepted


# -- any edit whatever ------------------------------------------------------------------------------------------------


def jobs(plan):
    """The wildcards of every job, by stage."""
    config, found = plan.config, {}
    for dataset, entry in plan.datasets.items():
        models = [{"dataset": dataset, "model": model} for model in entry["models"]]
        runs = [{**one, "seed": str(seed)} for one in models for seed in entry["models"][one["model"]]["seeds"]]
        per = {"dataset": [{"dataset": dataset}], "model": models, "run": runs}
        per["classifier"] = [
            {**run, "classifier": name} for run in runs for name in entry["models"][run["model"]]["classifiers"]
        ]
        derived = [
            {"dataset": dataset, "model": name, "seed": str(seed)}
            for name, model in entry["derived"].items()
            for seed in model["seeds"]
        ]
        frozen = [one for one in models if plan.backbone(dataset, one["model"])]
        per["backbone"] = frozen
        trained = [run for run in runs if run["model"] not in [one["model"] for one in frozen]]
        per["classifier"] += [{**run, "classifier": "cnn"} for run in runs if run not in trained]
        own = [run for run in derived if plan.trains(dataset, run["model"])]
        per["network"], per["applied"] = trained + own, trained + derived
        per["classifier"] += [
            {**run, "classifier": name} for run in derived for name in plan.classifiers(dataset, run["model"])
        ]
        others = [name for name, model in entry["derived"].items() if model["augmentation"]]
        names = ["augmented", *(f"augmented-{name}" for name in others)]
        per["augmented"] = [{"dataset": dataset, "augmented": name} for name in names]
        per["fusion"] = [{**run, "fusion": name} for run in runs for name in entry["models"][run["model"]]["fusions"]]
        per["ensemble"] = [{"dataset": dataset, "ensemble": ensemble} for ensemble in entry["ensembles"]]
        groups = [*plan.groups[dataset], *plan.derived_groups[dataset]]
        per["group"] = [{"dataset": dataset, "group": group} for group in groups]
        curve = entry["learning_curve"]
        per["size"] = [
            {"dataset": dataset, "repeat": str(seed), "size": str(size)}
            for seed in (curve["repeats"] if curve else ())
            for size in curve["sizes"]
        ]
        stages = {"train_cnn": "network", "extract_features": "applied", "fit_grid": "classifier", "fuse": "fusion"}
        stages |= {"augment": "augmented", "ensemble": "ensemble", "evaluate": "group", "learning_curve": "size"}
        stages |= {"corrupt_predict": "trained", "apply_backbone": "backbone"}
        per["checked"] = [{"dataset": dataset, "model": model} for model in InputCheckPlan(plan).seeds(dataset)]
        stages |= {"fit_input_check": "checked", "partition_images": "partition", "summarise_partitions": "scheme"}
        per["trained"] = trained
        partitions = [one for one in plan.partitions.values() if one.dataset == dataset]
        per["partition"] = [{"dataset": one.path} for one in partitions]
        of_folds = plan.ensembles_of(dataset)
        per["fold"] = [
            {"dataset": fold, "model": model, "seed": str(repeat)}
            for path in of_folds
            for repeat, folds in plan.fold_ensembles[path].folds.items()
            for fold in folds
            for model in plan.entries[path]["models"]
        ]
        per["averaged"] = [{"dataset": path, **run._asdict()} for path in of_folds for run in plan.candidates(path)]
        per["ensembles"] = [{"dataset": path} for path in of_folds]
        stages |= {"apply_fold": "fold", "ensemble_folds": "averaged", "summarise_fold_ensembles": "ensembles"}
        per["scheme"] = [{"dataset": dataset, "scheme": name} for name in {one.scheme for one in partitions}]
        stages |= dict.fromkeys(("draw_curves", "draw_grids", "draw_fusions"), "model")
        for stage in job_settings(plan):
            if stage in ("download", "fetch_weights") or entry["source"] != ONLY_OF.get(stage, entry["source"]):
                continue
            found.setdefault(stage, []).extend(per[stages.get(stage, "dataset")])
    found["download"] = [{"file": file} for file in plan.downloads()]
    found["fetch_weights"] = [{"application": name} for name in plan.applications]
    assert config is plan.config
    return found


def plan_everything(config):
    """Ask for what the rules ask for: files, and the settings of every job."""
    plan = Plan(config)
    page, first, made = PagePlan(plan), Representatives(plan), job_settings(plan)
    for stage, wildcards in jobs(plan).items():
        for one in wildcards:
            assert isinstance(made[stage](SimpleNamespace(**one)), dict)
    for dataset in plan.datasets:
        one = SimpleNamespace(dataset=dataset)
        assert page.of_dataset(dataset) and plan.data_file(one) and first.studied_features(one)
        first.studied_tree(one)
        assert bool(plan.ablation_metrics(one)) == bool(plan.datasets[dataset]["derived"])
    for one in jobs(plan)["extract_features"]:
        assert plan.trained_network(SimpleNamespace(**one)) and isinstance(plan.augmented(SimpleNamespace(**one)), list)


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.stem if path else "config")
def test_every_job_of_a_sound_configuration_can_be_planned(overlay):
    plan_everything(completed(overlay.read_text(encoding="utf-8") if overlay else None))


def places(value, path=()):
    """The keys that lead to each value of a configuration, sections and lists included."""
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from places(entry, (*path, key))


DEMO = copy.deepcopy(BASE)
for name in ("demo", "ablations"):
    update_config(DEMO, yaml.safe_load((ROOT / f"configs/{name}.yaml").read_text(encoding="utf-8")))
KNOWN = sorted({str(part) for place in places(BASE) for part in place})
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 12),
    st.floats(),
    st.sampled_from(
        [0, 1, 2, 0.5, 1e400, -0.0, 2**31, 2**32, 2**64, 10**30, "", " ", "~", "all", "1e-3", "{x}", "a/b"]
    ),
    st.text(max_size=8),
    st.sampled_from(KNOWN),
    st.dates(),
    st.binary(max_size=3),
    st.recursive(
        st.none() | st.integers(-1, 3) | st.sampled_from(KNOWN),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KNOWN) | st.integers() | st.none() | st.text(max_size=4), inner, max_size=3
            )
        ),
        max_leaves=6,
    ),
)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_edit_is_refused_in_one_message_or_can_be_planned(data):
    config = copy.deepcopy(DEMO if data.draw(st.booleans()) else BASE)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(sorted(places(config), key=repr)))
        holder = config
        for part in parents:
            holder = holder[part]
        edit = data.draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"]))
        if edit == "remove":
            del holder[last]
        elif edit == "add" and isinstance(holder, dict):
            holder[data.draw(st.sampled_from(KNOWN) | st.text(max_size=6))] = data.draw(JUNK)
        else:
            holder[last] = data.draw(JUNK)
        if not config:
            break
    try:
        complete = configuration.complete(config)
    except UserError as error:
        assert str(error).startswith("config:\n  ")
        return
    plan_everything(complete)
