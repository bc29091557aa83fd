"""What the TFLite target is made of: conversion, quantisation and the file with its metadata."""
