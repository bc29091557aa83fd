// The theme that was chosen on this device, before anything is painted: a module would come too late.
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
} catch {
  document.documentElement.dataset.theme = "system"; // a browser that keeps nothing for this page
}
