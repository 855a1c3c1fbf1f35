// Package vmtest boots what the builder makes: the kernel's features, the images, updates, faults.
//
// TWINPATH_VM says which processor's tests run: amd64 (also when it is empty), arm64 or none. What they need is built
// first, unless it was built of the very sources that are here.
//
// TWINPATH_CUTS says how often TestPowerCuts cuts the power (5, once in each kind of moment); with 24 or more TestUpdate plays its
// dearer chapters, too. TWINPATH_CUTS_SEED repeats a run's chances.
package vmtest
