/** Reports a fault that comes again and again the first time, and then each time that it has come twice as often. */
export function folded(report: (message: string, times: number) => void): (message: string) => void {
  const times = new Map<string, number>();
  return (message) => {
    const count = (times.get(message) ?? 0) + 1;
    times.set(message, count);
    if (Number.isInteger(Math.log2(count))) report(message, count);
  };
}
