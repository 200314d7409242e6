// "Leave quickly" puts the other website in the place of the open page, so that the button for going
// back does not show it. Without this the link works as any link does.
document.querySelector("a.away")?.addEventListener("click", (event) => {
  event.preventDefault();
  location.replace(event.currentTarget.href);
});
