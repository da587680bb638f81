"""plotters and image in cells, as in their own documentation."""

import base64
import re
import unittest

from support import HOME, OneKernel

# plotters' README, "Trying with Jupyter evcxr Kernel Interactively", without its `:dep`.
FIGURE = """use plotters::prelude::*;
let figure = evcxr_figure((640, 480), |root| {
    let _ = root.fill(&WHITE);
    let mut chart = ChartBuilder::on(&root)
        .caption("y=x^2", ("Arial", 50).into_font())
        .margin(5)
        .x_label_area_size(30)
        .y_label_area_size(30)
        .build_cartesian_2d(-1f32..1f32, -0.1f32..1f32)?;

    chart.configure_mesh().draw()?;

    chart.draw_series(LineSeries::new(
        (-50..=50).map(|x| x as f32 / 50.0).map(|x| (x, x * x)),
        &RED,
    )).unwrap()
        .label("y = x^2")
        .legend(|(x,y)| PathElement::new(vec![(x,y), (x + 20,y)], &RED));

    chart.configure_series_labels()
        .background_style(&WHITE.mix(0.8))
        .border_style(&BLACK)
        .draw()?;
    Ok(())
});
figure"""

BITMAP = """use plotters::evcxr::evcxr_bitmap_figure;
evcxr_bitmap_figure((200, 40), |root| {{
    root.fill(&WHITE)?;
    root.draw(&Text::new("{text}", (5, 5), ("sans-serif", 20)))?;
    Ok(())
}})"""


class Plots(OneKernel):
    def html(self, code):
        results = self.run_ok(code).contents("execute_result")
        return results[-1]["data"]["text/html"]

    def test_a_figure_of_plotters_readme(self):
        html = self.html(FIGURE)
        self.assertIn("<svg", html)
        self.assertIn("y=x^2", html)
        # 101 points of the parabola.
        points = max(re.findall(r'points="([^"]*)"', html), key=len)
        self.assertEqual(len(points.split()), 101)

    def test_the_library_of_a_chart_is_small(self):
        """`visualize/shared_generics.rs`: on axes of other types, the cell's library has 156 kB."""
        self.run_ok(FIGURE.replace("640", "641"))
        directories = [d for d in (HOME / "running").iterdir() if d.name.startswith(f"{self.kernel.launcher}-")]
        [library] = [path for path in directories[0].rglob("libctx.so") if path.parent.name == "deps"]
        self.assertLess(library.stat().st_size, 100_000)

    def test_text_in_a_bitmap_needs_no_system_font(self):
        def png(text):
            html = self.html(BITMAP.format(text=text))
            return base64.b64decode(re.search("data:png;base64,([^\"]*)", html)[1])

        self.run_ok("use plotters::prelude::*;")
        empty, latin, japanese = png(""), png("loss"), png("損失")
        self.assertTrue(empty.startswith(b"\x89PNG"))
        self.assertEqual(len({empty, latin, japanese}), 3)
        # A missing letter is drawn as a box, so two missing ones look alike.
        self.assertNotEqual(japanese, png("損損"))

    def test_images_are_opened_and_drawn(self):
        self.run_ok("use plotters::prelude::*;")
        html = self.html(
            "let images = load(&fashion_mnist(), \"../../data\", Split::Test)?;\n"
            "evcxr_figure((90, 90), |root| {\n"
            "    root.draw(&picture(&images.image(0)?)?.element((3, 3), 3)?)?;\n"
            "    Ok(())\n"
            "})"
        )
        self.assertIn('width="84" height="84"', html)
        self.run_ok('let opened = image::open("../pictures/curves.png")?;')
        self.assertGreater(int(self.run_ok("opened.width()").result), 1_000)

    def test_an_error_in_a_figure_is_reported(self):
        cell = self.kernel.run(
            "use plotters::prelude::*;\n"
            "evcxr_figure((90, 90), |root| {\n"
            "    root.draw(&Picture::grey(2, 2, vec![0]).element((3, 3), 3)?)?;\n"
            "    Ok(())\n"
            "})".replace("Picture::", "visualize::Picture::")
        )
        self.assertEqual(cell.reply["status"], "error")
        self.assertIn("Drawing failure", cell.reply["evalue"])


if __name__ == "__main__":
    unittest.main()
