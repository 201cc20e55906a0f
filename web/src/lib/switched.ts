/** Shows at once whether something is on or off, and as it was when whoever was asked to switch it refuses. */
export async function switched(isOn: boolean, show: (isOn: boolean) => void, ask: () => Promise<unknown>) {
  show(isOn);
  try {
    await ask();
  } catch (error) {
    show(!isOn);
    throw error;
  }
}
