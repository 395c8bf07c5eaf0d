// Counts the frames of a film: which is shown at a moment, where its middle is, and its timecode.

const GUESSED_RATE = 25;

export class Frames {
  // `rate` is text such as "24000/1001", empty where it varies or nobody knows it; the others are empty where unknown.
  constructor({ rate, frames, duration, timecode }) {
    const [numerator, denominator = 1] = rate.split("/").map(Number);
    this.isExact = Boolean(rate);
    this.count = Number(frames) || null;
    const mean = this.count && Number(duration) ? this.count / Number(duration) : GUESSED_RATE;
    this.rate = this.isExact ? numerator / denominator : mean;
    this.start = timecode;
  }

  // Number, from 1, of the frame that is shown at this moment of the film.
  at(seconds) {
    return this.within(Math.floor(seconds * this.rate + 0.01) + 1);
  }

  // The same for the moment at which a frame begins: containers round it, some to milliseconds.
  beginningAt(seconds) {
    return this.within(Math.round(seconds * this.rate) + 1);
  }

  // Seeking there shows this frame, however its beginning was rounded.
  middleOf(frame) {
    return (frame - 0.5) / this.rate;
  }

  within(frame) {
    return Math.max(1, this.count ? Math.min(frame, this.count) : frame);
  }

  // HH:MM:SS:FF. At 29.97 and 59.94 frames a second, a semicolon before the frames says that numbers are dropped, so
  // that an hour of timecode is an hour: two, or four, in every minute but the tenths (SMPTE ST 12-1).
  timecode(frame) {
    const nominal = Math.round(this.rate);
    const drops = this.start.includes(";");
    const [hours, minutes, seconds, rest] = (this.start || "0:0:0:0").split(/[:;.]/).map(Number);
    const dropped = drops ? Math.round(nominal / 15) : 0;
    const startMinutes = hours * 60 + minutes;
    let number = (startMinutes * 60 + seconds) * nominal + rest - dropped * (startMinutes - Math.floor(startMinutes / 10));
    number += frame - 1;
    if (drops) {
      const minute = nominal * 60 - dropped;
      const tenMinutes = minute * 10 + dropped;
      const inTen = number % tenMinutes;
      number += dropped * 9 * Math.floor(number / tenMinutes);
      if (inTen > dropped) number += dropped * Math.floor((inTen - dropped) / minute);
    }
    const two = (value) => String(value).padStart(2, "0");
    const inSeconds = Math.floor(number / nominal);
    const clock = [Math.floor(inSeconds / 3600) % 24, Math.floor(inSeconds / 60) % 60, inSeconds % 60].map(two);
    return `${clock.join(":")}${drops ? ";" : ":"}${two(number % nominal)}`;
  }
}
